package query

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// jwt returns a token with these claims. Its signature is none.
func jwt(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestATokenSaysWhomItIsFor(t *testing.T) {
	for name, tc := range map[string]struct {
		token string
		want  []string
	}{
		"a list":                {jwt(`{"aud":["portolan","vault"],"sub":"x"}`), []string{"portolan", "vault"}},
		"one text":              {jwt(`{"aud":"portolan"}`), []string{"portolan"}},
		"a list that is long":   {jwt(`{"aud":["1","2","3","4","5","6","7","8","9"]}`), []string{"1", "2", "3", "4", "5", "6", "7", "8"}},
		"nobody":                {jwt(`{"sub":"x"}`), nil},
		"a number":              {jwt(`{"aud":7}`), nil},
		"an empty text":         {jwt(`{"aud":""}`), nil},
		"claims that are none":  {jwt(`[]`), nil},
		"no base64":             {"a.!.c", nil},
		"a word":                {"secret", nil},
		"a token beyond bounds": {jwt(`{"aud":"` + strings.Repeat("a", maxTokenLength) + `"}`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(audiencesOf(tc.token), tc.want); diff != "" {
				t.Errorf("audiences (-got +want):\n%s", diff)
			}
		})
	}
}

// FuzzAudiences reads any text as the claims of a token. It checks that nothing panics and that the bound holds, and not
// what is found.
func FuzzAudiences(f *testing.F) {
	f.Add(`{"aud":["portolan"]}`)
	f.Add(`{"aud":"portolan"}`)
	f.Add(`{"aud":{}}`)
	f.Fuzz(func(t *testing.T, claims string) {
		for _, token := range []string{claims, jwt(claims)} {
			if got := audiencesOf(token); len(got) > maxAudiences {
				t.Errorf("%d audiences", len(got))
			}
		}
	})
}
