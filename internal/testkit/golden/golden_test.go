package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// failing is a test that keeps what it complains of to itself.
type failing struct {
	testing.TB
	said []string
}

func (f *failing) Helper() {}

func (f *failing) Errorf(_ string, args ...any) { f.said = append(f.said, args[1].(string)) }

const story = `A sentence.
-- in.txt --
1
-- out.txt --
one
-- stale.txt --
gone
-- more.txt --
2
`

func oneCase(t *testing.T) Case {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a-story.txtar")
	write(t, path, []byte(story))
	cases := Cases(t, filepath.Join(filepath.Dir(path), "*.txtar"))
	if len(cases) != 1 || cases[0].Name != "a-story" || cases[0].Part("in.txt") != "1\n" {
		t.Fatalf("cases = %+v", cases)
	}
	return cases[0]
}

func TestCheckComplainsOfEachPartThatDiffers(t *testing.T) {
	f := &failing{TB: t}
	oneCase(t).Check(f, Part{"out.txt", "one\n"}, Part{"stale.txt", ""}, Part{"new.txt", "2\n"})
	if got, want := strings.Join(f.said, " "), "stale.txt new.txt"; got != want {
		t.Errorf("complaints about %q, want %q", got, want)
	}
}

func TestRewriteKeepsWhatGoesIn(t *testing.T) {
	c := oneCase(t)
	c.rewrite(t, []Part{{"out.txt", "three\n"}, {"stale.txt", ""}, {"new.txt", "4\n"}})
	got, err := os.ReadFile(c.path)
	if err != nil {
		t.Fatal(err)
	}
	want := "A sentence.\n-- in.txt --\n1\n-- more.txt --\n2\n-- out.txt --\nthree\n-- new.txt --\n4\n"
	if string(got) != want {
		t.Errorf("the file is\n%s, want\n%s", got, want)
	}
}
