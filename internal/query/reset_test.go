package query

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/internal/graph"
)

func TestAResetTakesARightOfItsOwn(t *testing.T) {
	access := rights{"readers": "get graphs.portolan.dev", "others": "delete graphs.portolan.dev"}
	everybody, reviews := Doorkeepers{Clearers: Reviews{knownTokens(), access}}, Reviews{knownTokens(), access}
	for name, tc := range map[string]struct {
		keepers Doorkeepers
		token   string
		status  int // 0 means that the map is cleared
		says    string
	}{
		"who may delete resets":                         {Doorkeepers{reviews, reviews}, "stranger", 0, ""},
		"who may only read does not":                    {Doorkeepers{reviews, reviews}, "reader", http.StatusForbidden, "the token's user may not delete graphs.portolan.dev; bind the ClusterRole portolan-map-resetter to it (user ann)"},
		"who may read without a token needs one for it": {everybody, "", http.StatusUnauthorized, "a bearer token is missing"},
		"and may reset with it":                         {everybody, "stranger", 0, ""},
		"an unknown token is refused":                   {everybody, "forged", http.StatusUnauthorized, "the token is not valid"},
		"nobody can tell":                               {Doorkeepers{Clearers: Reviews{tokens(nil), access}}, "stranger", http.StatusServiceUnavailable, "nobody can tell now who may reset the map"},
		"where nobody may":                              {Doorkeepers{}, "stranger", http.StatusForbidden, "nobody may reset the map here"},
	} {
		t.Run(name, func(t *testing.T) {
			source := newOperator(3)
			var log bytes.Buffer
			server := httptest.NewServer(NewHandler(source, tc.keepers, slog.New(slog.NewTextHandler(&log, nil))))
			defer server.Close()
			edges, err := NewClient(server.Client(), server.URL, tc.token).Reset(t.Context(), []string{"shop"})
			if tc.status == 0 {
				if err != nil || edges != 4 || source.graph.Len() != 0 {
					t.Errorf("Reset = %d, %v and %d edges are left; want all four gone", edges, err, source.graph.Len())
				}
				if want := `msg="the map was reset" user=bob namespaces=[shop] edges=4`; !strings.Contains(log.String(), want) {
					t.Errorf("the log says %q, want %q", log.String(), want)
				}
				return
			}
			var answer *AnswerError
			if !errors.As(err, &answer) || answer.Status != tc.status || !strings.Contains(answer.Message, tc.says) || source.graph.Len() != 4 {
				t.Errorf("error %v and %d edges; want %d with %q and all edges", err, source.graph.Len(), tc.status, tc.says)
			}
		})
	}
}

func TestAResetSaysWhatItClears(t *testing.T) {
	keepers := Doorkeepers{Clearers: Reviews{knownTokens(), rights{"others": "delete graphs.portolan.dev"}}}
	mapless, failing := newOperator(3), newOperator(3)
	mapless.basis.WithoutMap = true
	failing.status.Store.Kind = ""
	for name, tc := range map[string]struct {
		source     operator
		namespaces []string
		left       int
		says       string
	}{
		"all":                         {newOperator(3), nil, 0, ""},
		"another namespace":           {newOperator(3), []string{"pay"}, 4, ""},
		"an empty name is not all":    {newOperator(3), []string{""}, 4, `operator answered 400: namespace "": want the name of a namespace`},
		"no name at all":              {newOperator(3), []string{"shop", "%"}, 4, `operator answered 400: namespace "%": want`},
		"too many":                    {newOperator(3), make([]string, maxCleared+1), 4, "operator answered 400: namespaces: 10001 are too many"},
		"an operator without the map": {mapless, nil, 4, "keeps no map"},
		"an operator that fails":      {failing, nil, 4, "operator answered 503: the map is not reset: the store fails"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(NewHandler(tc.source, keepers, quiet()))
			defer server.Close()
			_, err := NewClient(server.Client(), server.URL, "stranger").Reset(t.Context(), tc.namespaces)
			if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want %q", err, tc.says)
			}
			if got := len(tc.source.Edges(graph.Filter{})); got != tc.left {
				t.Errorf("%d edges are left, want %d", got, tc.left)
			}
		})
	}
}
