package store

import (
	"regexp"
	"strings"
	"testing"
)

// FuzzPeer reads any text as a peer. What is read is written back as a text that is read as the same peer; the text itself
// need not be the same, since an address has several forms.
func FuzzPeer(f *testing.F) {
	for _, text := range []string{
		"", "w", "w/shop/Deployment/cart", "w/default//kubernetes", "w/a/b/c/d", "n/api.bank.example", "n/", "a/10.0.0.1", "a/2001:db8::7", "a/fe80::1%eth0", "x/y",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		peer, err := parsePeer(text)
		if err != nil {
			return
		}
		again, err := parsePeer(peerText(peer))
		if err != nil || again != peer {
			t.Errorf("%q is %+v, and that is written as %q, which is %+v, error %v", text, peer, peerText(peer), again, err)
		}
	})
}

// holdsPassword finds a password before the first part of a URL ends.
var holdsPassword = regexp.MustCompile(`^postgres(ql)?://[^/?@]*:secret@`)

// FuzzTarget reads any text as a target. It does not check that something opens.
func FuzzTarget(f *testing.F) {
	for _, text := range []string{
		"", "memory", "/map.db", "sqlite:///map.db", "sqlite://", "postgres://me:secret@db:5433/chart",
		"postgres://me:secret@db:5433/:secret", "postgres://me:p@ss/w:d@db/chart", "postgres://?host=/tmp", "mysql://x", "://", "postgresql://[::1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := Parse(text)
		if err == nil && target.Kind() == Postgres && strings.Count(text, "secret") == 1 && holdsPassword.MatchString(text) && strings.Contains(target.String(), "secret") {
			t.Errorf("%q is shown as %q", text, target)
		}
	})
}
