package dot

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/testkit/golden"
)

func TestLabelsSayWhatNamesSay(t *testing.T) {
	for name, tc := range map[string]struct{ name, want string }{
		"a quotation mark does not end the string":        {`a"b`, `"a\"b"`},
		"a backslash is no escape":                        {`a\Nb\`, `"a\\Nb\\"`},
		"an entity is no character":                       {"&lt;", `"&amp;lt;"`},
		"a line break is visible":                         {"a\nb", `"a\\nb"`},
		"a control character is visible":                  {"\x00\x1b", `"\\x00\\x1b"`},
		"what is not text becomes the replacement":        {"a\xffb", "\"a\ufffdb\""},
		"other scripts stay as they are":                  {"商品", `"商品"`},
		"what would be HTML outside of quotation is text": {"<b>x</b>", `"<b>x</b>"`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := label(tc.name); got != tc.want {
				t.Errorf("label(%q) = %s, want %s", tc.name, got, tc.want)
			}
		})
	}
}

func TestTheErrorOfTheWriterIsReturned(t *testing.T) {
	if err := Render(brokenWriter{}, golden.Maps(t)["shop"]); !errors.Is(err, errBroken) {
		t.Errorf("Render = %v, want %v", err, errBroken)
	}
}

var errBroken = errors.New("broken pipe")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

// quoted is a string of the DOT language, and statement what Render makes of an edge, a node or a heading. In a string a
// backslash stands before a backslash or a quotation mark, or in a label before the n of a new line.
var (
	quoted    = `"(?:[^"\\]|\\[\\"n])*"`
	statement = regexp.MustCompile(`^ *(?:digraph portolan \{|rankdir=LR;|node \[shape=box, style=rounded\];|\}|` +
		`subgraph ` + quoted + ` \{|label=` + quoted + `;|` +
		quoted + `(?: -> ` + quoted + `)? \[(?:label=` + quoted + `(?:, style="rounded,dashed")?|style=dotted)\];)$`)
	node = regexp.MustCompile(`(?m)^ *` + quoted + ` \[label=`)
)

// FuzzQuote checks that names of any kind stay inside their strings, that every line is one statement of the language and
// that peers stay apart. It does not check what Graphviz draws.
func FuzzQuote(f *testing.F) {
	f.Add("shop", "Deployment", "cart", "api.example")
	f.Add(`a"b`, `\`, `\"`, `"]; evil -> node; x [label="`)
	f.Add("a\nb", "\x00", "&quot;", "\\N\\G")
	f.Add("", "", "", "")
	f.Add("\xff", "\u2028", "a/b/c", "a/b/c")
	f.Fuzz(func(t *testing.T, namespace, kind, name, outside string) {
		inside := graph.Peer{Workload: identity.Workload{Namespace: namespace, Kind: kind, Name: name}}
		text := render(t, []graph.Edge{{Client: inside, Server: graph.Peer{Name: outside}}, {Client: inside, Server: inside}})
		for line := range strings.Lines(text) {
			if line = strings.TrimSuffix(line, "\n"); !statement.MatchString(line) {
				t.Fatalf("no statement: %q of\n%s", line, text)
			}
			if at := strings.IndexFunc(line, unicode.IsControl); at >= 0 {
				t.Fatalf("a control character at %d of %q", at, line)
			}
		}
		if got, want := len(node.FindAllString(text, -1)), 2; inside.Inside() && got != want {
			t.Errorf("%d nodes, want %d:\n%s", got, want, text)
		}
	})
}
