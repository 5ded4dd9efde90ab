package svg

import (
	"bufio"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
)

// sheet writes elements. The first error of the writer stays and is returned by flush.
type sheet struct{ out *bufio.Writer }

func newSheet(w io.Writer) sheet { return sheet{bufio.NewWriter(w)} }

// raw writes markup of our own: never a name.
func (s sheet) raw(parts ...string) {
	for _, p := range parts {
		_, _ = s.out.WriteString(p) // flush returns the error
	}
}

// text writes what others chose, escaped. Characters that XML does not have become U+FFFD.
func (s sheet) text(t string) { s.raw(escape(t)) }

// element writes <name>text</name>.
func (s sheet) element(name, text string) {
	s.raw("<", name, ">")
	s.text(text)
	s.raw("</", name, ">")
}

func (s sheet) flush() error { return s.out.Flush() }

func escape(t string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(t)) // a Builder never fails
	return b.String()
}

// number writes a length in pixels with at most one decimal.
func number(u unit) string {
	sign := ""
	if u < 0 {
		sign, u = "-", -u
	}
	if u%px == 0 {
		return sign + strconv.Itoa(u/px)
	}
	return sign + strconv.Itoa(u/px) + "." + strconv.Itoa(u%px)
}

// attributes writes name="length" for each pair.
func attributes(names string, values ...unit) string {
	var b strings.Builder
	for i, name := range strings.Fields(names) {
		b.WriteString(` ` + name + `="` + number(values[i]) + `"`)
	}
	return b.String()
}
