package dns

import (
	"bytes"
	"slices"
)

const (
	headerLength = 12
	mostLabels   = 128 // a name has at most 255 octets, and a label at least two, but for the root
	mostName     = 255 // RFC 1035 section 2.3.4
	pointer      = 0xc0
)

// cursor walks the labels of one name in a message. Compression pointers must lead strictly backwards: before the start
// of the run of labels that they end. So every walk ends.
type cursor struct {
	msg    []byte
	at     int // of the next label
	run    int // where the present run of labels starts
	octets int // of the name in uncompressed form, so far
}

func nameAt(msg []byte, at int) cursor { return cursor{msg: msg, at: at, run: at} }

// settle follows pointers until a label starts at c.at. It is false when the name is broken.
func (c *cursor) settle() bool {
	for c.at+1 < len(c.msg) && c.msg[c.at] >= pointer {
		target := int(c.msg[c.at]&^pointer)<<8 | int(c.msg[c.at+1])
		if target < headerLength || target >= c.run {
			return false
		}
		c.at, c.run = target, target
	}
	return c.at < len(c.msg) && c.msg[c.at] < pointer
}

// label returns the next label; an empty one is the root, the end of the name. It is false when the name is broken.
func (c *cursor) label() ([]byte, bool) {
	if !c.settle() {
		return nil, false
	}
	start := c.at + 1
	end := start + int(c.msg[c.at])
	c.octets += end - start + 1
	if c.msg[c.at] > 63 || end > len(c.msg) || c.octets > mostName {
		return nil, false
	}
	c.at = end
	return c.msg[start:end], true
}

// skipName returns where the name at the offset at ends in the message, or -1 when it does not end there. What a pointer
// at its end leads to is not looked at.
func skipName(msg []byte, at int) int {
	start := at
	for at < len(msg) && at-start < mostName {
		switch n := int(msg[at]); {
		case n == 0:
			return at + 1
		case n >= pointer:
			if at+1 >= len(msg) {
				return -1
			}
			if target := (n&^pointer)<<8 | int(msg[at+1]); target < headerLength || target >= start {
				return -1
			}
			return at + 2
		case n > 63:
			return -1
		default:
			at += n + 1
		}
	}
	return -1
}

// target returns where the pointer at the offset at leads, or at itself when a label is there. skipName has been there.
func target(msg []byte, at int) int {
	if msg[at] < pointer {
		return at
	}
	return int(msg[at]&^pointer)<<8 | int(msg[at+1])
}

// sameName reports whether the names at a and b are equal but for the case of ASCII letters. Names that are broken at
// different places are not equal.
func sameName(msg []byte, a, b int) bool { return a == b || equalNames(msg, a, b) }

func equalNames(msg []byte, a, b int) bool {
	left, right := nameAt(msg, a), nameAt(msg, b)
	for {
		if !left.settle() || !right.settle() {
			return false
		}
		if left.at == right.at {
			return true
		}
		l, ok := left.label()
		r, fine := right.label()
		if !ok || !fine || !sameLabel(l, r) {
			return false
		}
		if len(l) == 0 {
			return true
		}
	}
}

func sameLabel(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	if bytes.Equal(a, b) {
		return true
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// alphabet says for each byte what it becomes in the text of a name; 0 is a byte that no host name has.
type alphabet [256]byte

func newAlphabet() *alphabet {
	var a alphabet
	for c := range a {
		switch b := lower(byte(c)); {
		case 'a' <= b && b <= 'z', '0' <= b && b <= '9', b == '-', b == '_':
			a[c] = b
		}
	}
	return &a
}

// appendName appends the text of the name at the offset at to dst: lower case, labels separated by dots, no dot at the
// end. The reason is Malformed for a broken name, BadName for the root and for a name with a foreign byte, else Used.
func (a *alphabet) appendName(dst, msg []byte, at int) ([]byte, Reason) {
	dst = slices.Grow(dst, mostName)
	c := nameAt(msg, at)
	start := len(dst)
	for {
		label, ok := c.label()
		if !ok {
			return dst, Malformed
		}
		if len(label) == 0 {
			break
		}
		text := dst[len(dst) : len(dst)+len(label)]
		var foreign byte // its top bit is set by taking 1 from 0, and by no letter, digit or sign
		for i, b := range label {
			text[i] = a[b]
			foreign |= a[b] - 1
		}
		if foreign >= 0x80 {
			return dst, BadName
		}
		dst = append(dst[:len(dst)+len(label)], '.')
	}
	if len(dst) == start {
		return dst, BadName
	}
	return dst[:len(dst)-1], Used
}
