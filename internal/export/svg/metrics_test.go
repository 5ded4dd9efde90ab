package svg

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestNamesAreShortenedInTheMiddle(t *testing.T) {
	for name, tc := range map[string]struct {
		text  string
		limit unit
		want  string
	}{
		"a name that fits stays":                   {"cart", 100 * px, "cart"},
		"beginning and end stay":                   {"production-checkout-worker-7", 100 * px, "produc…rker-7"},
		"the end of an address stays":              {"2001:db8:85a3:1234:5678:8a2e:370:7334", 100 * px, "2001:d…:7334"},
		"letters of other scripts are not cut":     {"商品目録サービス商品目録", 100 * px, "商品目…品目録"},
		"what is not text is replaced":             {"a\xffb", 100 * px, "a\ufffdb"},
		"where nothing fits the ellipsis is shown": {"cart", 0, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := nameFont().shorten(tc.text, tc.limit); got != tc.want {
				t.Errorf("shorten(%q, %s) = %q, want %q", tc.text, number(tc.limit), got, tc.want)
			}
		})
	}
}

// TestShortNamesFit checks that what is shortened fits, is text, and begins and ends as the name does.
func TestShortNamesFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, limit := rapid.String().Draw(t, "text"), rapid.IntRange(20*px, 200*px).Draw(t, "limit")
		short := captionFont().shorten(text, limit)
		if !utf8.ValidString(short) || captionFont().width(short) > limit {
			t.Fatalf("shorten(%q, %d) = %q, %d wide", text, limit, short, captionFont().width(short))
		}
		if head, tail, cut := strings.Cut(short, ellipsis); cut && !strings.Contains(text, ellipsis) && (!strings.HasPrefix(text, head) || !strings.HasSuffix(text, tail)) {
			t.Fatalf("shorten(%q, %d) = %q", text, limit, short)
		}
	})
}

func TestNumbersAreWrittenShort(t *testing.T) {
	for want, u := range map[string]unit{"0": 0, "12": 12 * px, "1.5": 15, "-0.5": -5, "-3": -3 * px} {
		if got := number(u); got != want {
			t.Errorf("number(%d) = %q, want %q", u, got, want)
		}
	}
}
