package command

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/testkit/golden"
)

// TestStories plays every session in testdata. Lines that begin with "$ " are typed; what a command writes to standard
// error begins with "! ", and an exit status other than 0 is told as "? 2". Beside portolan there are: cat FILE,
// ls FOLDER, save FILE TEXT, append FILE TEXT, and untouched FILE, which says whether the file was written since it was
// there first. "< FILE" at the end of a line is standard input. A part map.json is the map; otherwise it is testdata/shop.json. Every further part is a
// file in the folder in which the story plays.
func TestStories(t *testing.T) {
	golden.Each(t, "testdata/*.txtar", func(t *testing.T, c golden.Case) {
		known := cmp.Or(c.Part("map.json"), shop(t))
		s := newScene(t, operatorOf(t, known))
		for _, part := range c.Files {
			if part.Name != "session" && part.Name != "map.json" {
				write(t, part.Name, string(part.Data))
			}
		}
		c.Check(t, golden.Part{Name: "session", Text: s.play(t, c.Part("session"))})
	})
}

func (s *scene) play(t *testing.T, session string) string {
	t.Helper()
	var transcript strings.Builder
	for line := range strings.Lines(session) {
		typed, isTyped := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		if !isTyped {
			continue
		}
		fmt.Fprintf(&transcript, "$ %s\n", typed)
		transcript.WriteString(s.do(t, typed))
	}
	return transcript.String()
}

func (s *scene) do(t *testing.T, typed string) string {
	t.Helper()
	switch w := words(typed); w[0] {
	case "cat":
		text, err := os.ReadFile(w[1])
		if err != nil {
			return fmt.Sprintln("! no such file")
		}
		return string(text)
	case "ls":
		return folder(t, w[1])
	case "save", "append":
		flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
		if w[0] == "save" {
			flags |= os.O_TRUNC
		}
		file, err := os.OpenFile(w[1], flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		fmt.Fprintln(file, strings.Join(w[2:], " "))
		return ""
	case "age":
		long := time.Unix(1_000_000_000, 0)
		if err := os.Chtimes(w[1], long, long); err != nil {
			t.Fatal(err)
		}
		return ""
	case "untouched":
		there, err := os.Stat(w[1])
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintln(there.ModTime().Unix() == 1_000_000_000)
	}
	typed, from, _ := strings.Cut(typed, " < ")
	var in io.Reader = strings.NewReader("")
	if from != "" {
		file, err := os.Open(from)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		in = file
	}
	r := s.runWith(t.Context(), typed, in)
	for line := range strings.Lines(r.err) {
		r.out += "! " + line
	}
	if r.code != exitDone {
		r.out += fmt.Sprintf("? %d\n", r.code)
	}
	return r.out
}

func folder(t *testing.T, path string) string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Sprintln("! no such folder")
	}
	var names strings.Builder
	for _, entry := range entries {
		fmt.Fprintln(&names, entry.Name())
	}
	return names.String()
}
