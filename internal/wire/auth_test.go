package wire

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
)

func TestAnswersAboutTokensAreRememberedForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &apiServer{}
		reviews := NewTokenReviews(api)
		ask := func(token string, asked int) {
			t.Helper()
			_, _ = reviews.Authenticate(t.Context(), token)
			if api.reviews != asked {
				t.Errorf("the API server was asked %d times, want %d", api.reviews, asked)
			}
		}
		ask(goodToken, 1)
		time.Sleep(59 * time.Second)
		ask(goodToken, 1)
		time.Sleep(time.Second)
		ask(goodToken, 2)
		ask("un.kno.wn", 3)
		time.Sleep(9 * time.Second)
		ask("un.kno.wn", 3)
		time.Sleep(time.Second)
		ask("un.kno.wn", 4)
		ask("not a token", 4)
		ask(strings.Repeat("a", maxTokenLength)+".b.c", 4)
	})
}

func TestAFailureOfTheAPIServerIsNotRemembered(t *testing.T) {
	api := &apiServer{down: true}
	reviews := NewTokenReviews(api)
	if _, err := reviews.Authenticate(t.Context(), goodToken); err == nil || errors.Is(err, ErrBadToken) {
		t.Errorf("error = %v, want one that does not blame the token", err)
	}
	api.down = false
	caller, err := reviews.Authenticate(t.Context(), goodToken)
	want := Caller{Namespace: "portolan-system", ServiceAccount: "portolan-agent", Pod: testAgent.Pod, Node: testAgent.Node}
	if err != nil || caller != want {
		t.Errorf("caller = %+v, %v; want %+v", caller, err, want)
	}
}

func TestTheMemoryOfTokensIsBounded(t *testing.T) {
	m := tokenMemory{answers: make(map[tokenHash]tokenAnswer), limit: 2}
	refused, accepted := tokenAnswer{err: ErrBadToken}, tokenAnswer{}
	m.keep(tokenHash{1}, refused, nine)
	m.keep(tokenHash{2}, accepted, nine)
	m.keep(tokenHash{3}, accepted, nine)
	if _, known := m.recall(tokenHash{1}, nine); known || len(m.answers) != 2 {
		t.Errorf("the refusal is known: %t, %d answers; want it gone and 2 kept", known, len(m.answers))
	}
	m.keep(tokenHash{4}, accepted, nine.Add(time.Hour))
	if len(m.answers) != 1 {
		t.Errorf("%d answers an hour later, want the new one alone", len(m.answers))
	}
}

func TestAnswersOfTheAPIServerAreReadStrictly(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*authenticationv1.TokenReviewStatus)
		want   Caller
		bad    string
	}{
		"not authenticated": {
			change: func(s *authenticationv1.TokenReviewStatus) { s.Authenticated = false }, bad: "not valid",
		},
		"no audience, from a server that ignores audiences": {
			change: func(s *authenticationv1.TokenReviewStatus) { s.Audiences = nil }, bad: "it is made for",
		},
		"a person": {
			change: func(s *authenticationv1.TokenReviewStatus) { s.User.Username = "alice" }, bad: `"alice" is no ServiceAccount`,
		},
		"half an account": {
			change: func(s *authenticationv1.TokenReviewStatus) { s.User.Username = "system:serviceaccount:x" }, bad: "is no ServiceAccount",
		},
		"two nodes are as good as none": {
			change: func(s *authenticationv1.TokenReviewStatus) {
				s.User.Extra[extraNodeName] = authenticationv1.ExtraValue{"a", "b"}
			},
			want: Caller{Namespace: "portolan-system", ServiceAccount: "portolan-agent", Pod: "p"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			status := bound(agentAccount, "p", "n")
			tc.change(&status)
			got, err := callerOf(&status)
			if tc.bad == "" && (err != nil || got != tc.want) {
				t.Errorf("caller = %+v, %v; want %+v", got, err, tc.want)
			}
			if tc.bad != "" && (!errors.Is(err, ErrBadToken) || !strings.Contains(err.Error(), tc.bad)) {
				t.Errorf("error = %v, want ErrBadToken that says %q", err, tc.bad)
			}
		})
	}
}
