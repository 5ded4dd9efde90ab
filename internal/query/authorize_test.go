package query

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/internal/graph"
)

// tokens reviews as an API server does that knows these tokens.
type tokens map[string]authenticationv1.UserInfo

func (t tokens) Create(_ context.Context, review *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	if t == nil {
		return nil, errors.New("no API server")
	}
	user, known := t[review.Spec.Token]
	if audience, bound := strings.CutPrefix(user.UID, "for "); bound { // a token made for somebody else
		known = slices.Contains(review.Spec.Audiences, audience)
	}
	review.Status = authenticationv1.TokenReviewStatus{Authenticated: known, User: user}
	return review, nil
}

// rights reviews as an API server does where these groups may do what the keys say.
type rights map[string]string

func (r rights) Create(_ context.Context, review *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	if r == nil {
		return nil, errors.New("no API server")
	}
	asked := review.Spec.ResourceAttributes
	for _, group := range review.Spec.Groups {
		if r[group] == asked.Verb+" "+asked.Resource+"."+asked.Group {
			review.Status.Allowed = true
		}
	}
	return review, nil
}

func knownTokens() tokens {
	return tokens{
		"reader":   {Username: "ann", Groups: []string{"readers"}, Extra: map[string]authenticationv1.ExtraValue{"scope": {"a"}}},
		"stranger": {Username: "bob", Groups: []string{"others"}},

		jwt(`{"aud":["portolan"]}`): {Username: "an agent", UID: "for portolan"},
		jwt(`{"aud":["forged"]}`):   {Username: "an agent", UID: "for portolan"},
	}
}

func TestReviewsDecideWhoMayRead(t *testing.T) {
	access := rights{"readers": "get graphs.portolan.dev", "others": "delete graphs.portolan.dev"}
	for name, tc := range map[string]struct {
		reviews Reviews
		header  string
		status  int // 0 means that the map is read
		says    string
	}{
		"a reader reads":              {Reviews{knownTokens(), access}, "Bearer reader", 0, ""},
		"no token is refused":         {Reviews{knownTokens(), access}, "", http.StatusUnauthorized, "a bearer token is missing; pass one with --token-file"},
		"an empty token is refused":   {Reviews{knownTokens(), access}, "Bearer ", http.StatusUnauthorized, "a bearer token is missing"},
		"another scheme is refused":   {Reviews{knownTokens(), access}, "Basic cmVhZGVy", http.StatusUnauthorized, "a bearer token is missing"},
		"an unknown token is refused": {Reviews{knownTokens(), access}, "Bearer forged", http.StatusUnauthorized, "the token is not valid"},
		"a token for another audience": {
			Reviews{knownTokens(), access},
			"Bearer " + jwt(`{"aud":["portolan"]}`), http.StatusUnauthorized,
			`the token is one of this cluster, but for another audience than the API server; pass one that "kubectl create token" makes without --audience (it is for ["portolan"])`,
		},
		"a token that lies about its audience": {
			Reviews{knownTokens(), access}, "Bearer " + jwt(`{"aud":["forged"]}`), http.StatusUnauthorized, "the token is not valid; pass one of this cluster",
		},
		"a user without the right":           {Reviews{knownTokens(), access}, "Bearer stranger", http.StatusForbidden, "portolan-map-reader to it (user bob)"},
		"nobody can tell without tokens":     {Reviews{tokens(nil), access}, "Bearer reader", http.StatusServiceUnavailable, "nobody can tell now who may read"},
		"nobody can tell without any rights": {Reviews{knownTokens(), rights(nil)}, "Bearer reader", http.StatusServiceUnavailable, "reviewing the access of ann"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(NewHandler(newOperator(1), Doorkeepers{Readers: tc.reviews}, quiet()))
			server.EnableHTTP2 = true
			server.StartTLS()
			defer server.Close()
			through := server.Client()
			through.Transport = withHeader{through.Transport, tc.header}
			client := NewClient(through, server.URL, "")

			_, edges, err := client.Edges(t.Context(), graph.Filter{})
			_, errStatus := client.Status(t.Context())
			if tc.status == 0 {
				if err != nil || errStatus != nil || len(edges) == 0 {
					t.Errorf("Edges: %v, Status: %v; want no error and edges", err, errStatus)
				}
				return
			}
			for _, err := range []error{err, errStatus} {
				var answer *AnswerError
				if !errors.As(err, &answer) || answer.Status != tc.status || !strings.Contains(answer.Message, tc.says) {
					t.Errorf("error %v, want %d with %q", err, tc.status, tc.says)
				}
			}
		})
	}
}

// withHeader sends a field that a client may not send on its own.
type withHeader struct {
	http.RoundTripper
	authorization string
}

func (w withHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if w.authorization != "" {
		r.Header.Set("Authorization", w.authorization)
	}
	return w.RoundTripper.RoundTrip(r)
}

func TestTheClientSendsItsToken(t *testing.T) {
	access := rights{"readers": "get graphs.portolan.dev"}
	server := httptest.NewTLSServer(NewHandler(newOperator(1), Doorkeepers{Readers: Reviews{knownTokens(), access}}, quiet()))
	defer server.Close()
	client := NewClient(server.Client(), server.URL, "reader")
	if _, _, err := client.Edges(t.Context(), graph.Filter{}); err != nil {
		t.Errorf("Edges: %v", err)
	}
	if _, err := client.Status(t.Context()); err != nil {
		t.Errorf("Status: %v", err)
	}
}

func TestAccessIsReviewedForTheWholeUser(t *testing.T) {
	user := knownTokens()["reader"]
	user.UID = "u1"
	got := accessReview(user, Read).Spec
	want := authorizationv1.SubjectAccessReviewSpec{
		User: "ann", UID: "u1", Groups: []string{"readers"}, Extra: map[string]authorizationv1.ExtraValue{"scope": {"a"}},
		ResourceAttributes: &authorizationv1.ResourceAttributes{Group: "portolan.dev", Resource: "graphs", Verb: "get"},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("review (-got +want):\n%s", diff)
	}
}
