package svg

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// unit is a length in tenths of a pixel. Whole numbers make the same picture on every machine.
type unit = int

const px unit = 10

// font is a size and weight of the one family that the picture uses.
type font struct {
	size unit
	bold bool
}

// width is how wide s becomes, within a tenth for the common sans-serif families. It is rather too large than too small.
func (f font) width(s string) unit {
	total := 0
	for _, r := range s {
		total += thousandths(r)
	}
	if f.bold {
		total += total / 16
	}
	return total * f.size / 1000
}

// thousandths returns the advance of a letter in thousandths of the font's size.
func thousandths(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r > unicode.MaxLatin1:
		return wide(r)
	case strings.ContainsRune("ijl'|!.,:; ", r):
		return 290
	case strings.ContainsRune("frtI()[]{}/-\"\\`", r):
		return 390
	case strings.ContainsRune("mwMW@%", r):
		return 900
	case unicode.IsUpper(r) || strings.ContainsRune("&+=<>~#", r):
		return 690
	default:
		return 580
	}
}

// wide returns the advance of a letter beyond Latin: a full square for the scripts of East Asia and for pictures.
func wide(r rune) int {
	if r == '·' || r == '…' || r == '→' {
		return 900
	}
	if unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) || r >= 0xff00 {
		return 1000
	}
	return 650
}

// ellipsis stands where letters were left out.
const ellipsis = "…"

// shorten returns s, or its beginning and its end around an ellipsis so that it is not wider than limit: names of
// workloads differ at both ends, and addresses too. What is not text becomes the replacement character.
func (f font) shorten(s string, limit unit) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if f.width(s) <= limit {
		return s
	}
	head, tail := 0, len(s)
	for fromHead := true; head < tail; fromHead = !fromHead {
		nextHead, nextTail := head, tail
		if fromHead {
			_, size := utf8.DecodeRuneInString(s[head:tail])
			nextHead += size
		} else {
			_, size := utf8.DecodeLastRuneInString(s[head:tail])
			nextTail -= size
		}
		if f.width(s[:nextHead]+ellipsis+s[nextTail:]) > limit { // as a whole: the widths of the parts are rounded
			break
		}
		head, tail = nextHead, nextTail
	}
	return s[:head] + ellipsis + s[tail:]
}
