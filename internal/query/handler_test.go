package query

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portolan-io/portolan/internal/graph"
)

func TestEdgesComeInPagesAndAllOfThem(t *testing.T) {
	for name, edges := range map[string]int{
		"one page": 10, "one page to the last use": pageUses - 1, "a page and one edge": pageUses, "several pages": 5*pageUses + 17,
	} {
		t.Run(name, func(t *testing.T) {
			source := newOperator(edges)
			basis, got, err := serve(t, source).Edges(t.Context(), graph.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, source.graph.View(graph.Filter{}), cmpopts.EquateComparable(graph.Peer{})); diff != "" {
				t.Errorf("edges (-got +want):\n%s", diff)
			}
			if diff := cmp.Diff(basis, source.basis); diff != "" {
				t.Errorf("basis (-got +want):\n%s", diff)
			}
		})
	}
}

func TestAFilterReachesTheMap(t *testing.T) {
	client := serve(t, newOperator(3))
	for name, tc := range map[string]struct {
		filter graph.Filter
		want   int
	}{
		"all":                    {graph.Filter{}, 4},
		"inside only":            {graph.Filter{InsideOnly: true}, 3},
		"a namespace of clients": {graph.Filter{Namespaces: []string{"pay"}}, 0},
		"a server by Service":    {graph.Filter{Server: graph.Server{Namespace: "pay", Name: "ledger"}}, 4},
		"seen since later":       {graph.Filter{Since: t0().Add(2 * time.Minute)}, 0},
		"seen until earlier":     {graph.Filter{Until: t0()}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, edges, err := client.Edges(t.Context(), tc.filter)
			if err != nil || len(edges) != tc.want {
				t.Errorf("%d edges and error %v, want %d edges", len(edges), err, tc.want)
			}
		})
	}
}

func TestAnEmptyMapIsAnAnswer(t *testing.T) {
	source := operator{graph: graph.New(graph.Limits{}), basis: Basis{Version: "v1.4.0"}}
	basis, edges, err := serve(t, source).Edges(t.Context(), graph.Filter{})
	if err != nil || len(edges) != 0 || basis.Version != "v1.4.0" {
		t.Errorf("Edges = %v, %v, %v; want the basis, no edge, no error", basis, edges, err)
	}
}

func TestAnAnswerBeginsWithItsFirstEdge(t *testing.T) {
	source := newOperator(3)
	for name, tc := range map[string]struct{ from, want time.Time }{
		"the operator started before all edges":         {t0().Add(-time.Hour), t0().Add(-time.Hour)},
		"agents saw something before it started":        {t0().Add(4 * time.Second), t0()},
		"an operator that does not say when it started": {time.Time{}, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			source.basis.From = tc.from
			basis, _, err := serve(t, source).Edges(t.Context(), graph.Filter{})
			if err != nil || !basis.From.Equal(tc.want) {
				t.Errorf("From = %s and error %v, want %s", basis.From, err, tc.want)
			}
		})
	}
}

func TestAnOperatorWithoutMapHasNoEmptyMap(t *testing.T) {
	client := serve(t, operator{graph: graph.New(graph.Limits{}), basis: Basis{WithoutMap: true}, status: Status{WithoutMap: true}})
	_, _, present := client.Edges(t.Context(), graph.Filter{})
	_, _, past := client.At(t.Context(), t0(), graph.Filter{})
	_, _, changes := client.Changes(t.Context(), Period{From: t0(), To: t0().Add(time.Hour)}, graph.Filter{})
	for asked, err := range map[string]error{"present": present, "past": past, "changes": changes} {
		var answer *AnswerError
		if !errors.As(err, &answer) || answer.Status != http.StatusBadRequest || !strings.Contains(answer.Message, "keeps no map (--map=false)") {
			t.Errorf("%s: error %v, want an answer that there is no map", asked, err)
		}
	}
	if status, err := client.Status(t.Context()); err != nil || !status.WithoutMap {
		t.Errorf("Status = %+v, %v; want it to say that there is no map", status, err)
	}
}

func TestStatusCarriesTheOperatorsClock(t *testing.T) {
	source := newOperator(3)
	before := time.Now()
	got, err := serve(t, source).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Now.Before(before) || got.Now.After(time.Now()) {
		t.Errorf("Now is %s, asked at %s", got.Now, before)
	}
	if diff := cmp.Diff(got, source.status, cmpopts.IgnoreFields(Status{}, "Now"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("status (-got +want):\n%s", diff)
	}
}

// stumbling is a Source that panics.
type stumbling struct{ operator }

func (stumbling) Edges(graph.Filter) []graph.Edge { panic("a bug") }
func (stumbling) Status() Status                  { panic(errors.New("a bug")) }

func TestTheOperatorSurvivesABug(t *testing.T) {
	client := serve(t, stumbling{newOperator(1)})
	_, _, err := client.Edges(t.Context(), graph.Filter{})
	_, errStatus := client.Status(t.Context())
	for _, err := range []error{err, errStatus} {
		var answer *AnswerError
		if !errors.As(err, &answer) || answer.Status != http.StatusInternalServerError || !strings.Contains(answer.Message, "stumbled") {
			t.Errorf("error %v, want a 500 that says that the operator stumbled", err)
		}
	}
}

// breaking sends a part of an answer and then ends the connection.
type breaking struct {
	handler http.Handler
	part    func(size int) int // how many of the bytes are sent
}

func (b breaking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorded := httptest.NewRecorder()
	b.handler.ServeHTTP(recorded, r)
	maps.Copy(w.Header(), recorded.Header())
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(recorded.Body.Bytes()[:b.part(recorded.Body.Len())])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func TestAnAnswerThatBreaksOffIsNoSmallMap(t *testing.T) {
	handler := NewHandler(newOperator(3*pageUses), Doorkeepers{}, quiet())
	for name, part := range map[string]func(int) int{
		"at once":                   func(int) int { return 0 },
		"in the first page's head":  func(int) int { return 3 },
		"in the first page":         func(int) int { return 100 },
		"after a third":             func(size int) int { return size / 3 },
		"after a half":              func(size int) int { return size / 2 },
		"before the end is told":    func(size int) int { return size - 40 },
		"one byte before it is all": func(size int) int { return size - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			_, edges, err := serveHandler(t, breaking{handler, part}).Edges(t.Context(), graph.Filter{})
			if err == nil || edges != nil {
				t.Errorf("%d edges and error %v, want an error and nothing else", len(edges), err)
			}
		})
	}
}

// envelope is one message of a Connect stream: flags, length, content.
func envelope(flags byte, content string) string {
	return string(append(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(content))), content...))
}

func TestWhatIsNoOperatorIsNoEmptyMap(t *testing.T) {
	for name, tc := range map[string]struct {
		code        int
		kind, body  string
		want        string
		wantsAnswer bool
	}{
		"a page of something else":        {http.StatusOK, "text/html", "<html>", "invalid content-type", false},
		"a proxy that fails":              {http.StatusBadGateway, "text/html", "<html>", "502 Bad Gateway", false},
		"a server without the service":    {http.StatusNotFound, "text/plain", "404", "404 Not Found", false},
		"a server that wants credentials": {http.StatusUnauthorized, "text/plain", "", "401 Unauthorized", false},
		"an answer without a beginning":   {http.StatusOK, "application/connect+proto", envelope(2, "{}"), "has no beginning", false},
		"an empty answer":                 {http.StatusOK, "application/connect+proto", "", "", false},
		"an edge that makes no sense": {
			http.StatusOK, "application/connect+proto",
			envelope(0, "\x0a\x00\x12\x02\x0a\x00") + envelope(2, "{}"), "reading the operator's answer", false,
		},
		"an error that the operator words": {
			http.StatusOK, "application/connect+proto",
			envelope(2, `{"error":{"code":"resource_exhausted","message":"too many"}}`), "operator answered 429: too many", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", tc.kind)
				w.WriteHeader(tc.code)
				_, _ = io.WriteString(w, tc.body)
			}))
			_, edges, err := client.Edges(t.Context(), graph.Filter{})
			if err == nil || edges != nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%d edges, error %v; want an error with %q", len(edges), err, tc.want)
			}
			if answer := (*AnswerError)(nil); errors.As(err, &answer) != tc.wantsAnswer {
				t.Errorf("error %#v, an answer: want %t", err, tc.wantsAnswer)
			}
		})
	}
}

func TestAWrongPathIsToldWhatIsServed(t *testing.T) {
	w := httptest.NewRecorder()
	handler := NewHandler(newOperator(1), Doorkeepers{Readers: Reviews{}}, quiet()) // nobody needs a token to be told
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/edges?"+strings.Repeat("x", 100), nil))
	want := `"/edges" is not served here; served is the map (/portolan.query.v1.MapService/Edges, /portolan.query.v1.MapService/Status, /portolan.query.v1.MapService/Changes, /portolan.query.v1.MapService/Refused and /portolan.query.v1.MapService/Reset)` + "\n"
	if w.Code != http.StatusNotFound || w.Body.String() != want {
		t.Errorf("answer = %d %s, want 404 %s", w.Code, w.Body, want)
	}
}

func TestAQuestionIsBounded(t *testing.T) {
	names := []string{strings.Repeat("n", maxQuestion)}
	_, _, err := serve(t, newOperator(1)).Edges(t.Context(), graph.Filter{Namespaces: names})
	var answer *AnswerError
	if !errors.As(err, &answer) || answer.Status != http.StatusTooManyRequests {
		t.Errorf("error %v, want an answer with status 429", err)
	}
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for code := connect.CodeCanceled; code <= connect.CodeUnauthenticated; code++ {
		if status := httpStatus(code); status < 400 || http.StatusText(status) == "" {
			t.Errorf("%s becomes %d", code, status)
		}
	}
	if got := httpStatus(99); got != http.StatusInternalServerError {
		t.Errorf("an unknown code becomes %d", got)
	}
}

func TestACallerWhoLeavesGetsTheCause(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := serve(t, newOperator(1)).Edges(ctx, graph.Filter{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the end of the context", err)
	}
}
