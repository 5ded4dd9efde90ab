package wire

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Audience is what the agent's projected ServiceAccount token is made for. A token for anybody else is refused.
const Audience = "portolan"

// Caller is who a token belongs to.
type Caller struct {
	Namespace      string // of the ServiceAccount
	ServiceAccount string
	Pod            string // pod the token is bound to; empty if it is bound to none
	Node           string // node of that pod; empty if the token does not say
}

// ErrBadToken is a token that is malformed, expired, unknown, or made for another audience.
var ErrBadToken = errors.New("the token is not valid for the audience " + Audience)

// Authenticator says who a token belongs to. The handler calls it before it reads a request's body, from any goroutine.
// ErrBadToken refuses the caller; any other error means that nobody can tell at present, and the caller should try again.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (Caller, error)
}

// TokenReviewer asks the API server about a token. The TokenReviews client of client-go is one.
type TokenReviewer interface {
	Create(ctx context.Context, review *authenticationv1.TokenReview, options metav1.CreateOptions) (*authenticationv1.TokenReview, error)
}

const (
	keepAccepted   = time.Minute      // a deleted pod's token works so long at most
	keepRefused    = 10 * time.Second // spares the API server an agent that repeats a bad token
	maxTokens      = 4096             // answers remembered
	maxReviews     = 8                // questions to the API server at a time
	reviewTimeout  = 10 * time.Second
	maxTokenLength = 16 << 10
)

// Keys of the user's extra fields in a TokenReview for a token that is bound to a pod. Source: Kubernetes, "Managing
// Service Accounts", schema for service account private claims; on by default since version 1.30.
const (
	extraPodName  = "authentication.kubernetes.io/pod-name"
	extraNodeName = "authentication.kubernetes.io/node-name"
)

// TokenReviews authenticates by the API server's TokenReview. It remembers answers by the hash of the token, never the
// token itself. It is safe for concurrent use.
type TokenReviews struct {
	reviewer TokenReviewer
	places   chan struct{}
	known    tokenMemory
}

// NewTokenReviews returns an Authenticator that asks reviewer.
func NewTokenReviews(reviewer TokenReviewer) *TokenReviews {
	return &TokenReviews{
		reviewer: reviewer,
		places:   make(chan struct{}, maxReviews),
		known:    tokenMemory{answers: make(map[tokenHash]tokenAnswer), limit: maxTokens},
	}
}

// Authenticate implements Authenticator.
func (t *TokenReviews) Authenticate(ctx context.Context, token string) (Caller, error) {
	if len(token) > maxTokenLength || strings.Count(token, ".") != 2 {
		return Caller{}, fmt.Errorf("%w: it does not look like a ServiceAccount token", ErrBadToken)
	}
	hash := sha256.Sum256([]byte(token))
	if answer, known := t.known.recall(hash, time.Now()); known {
		return answer.caller, answer.err
	}
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	select {
	case t.places <- struct{}{}:
		defer func() { <-t.places }()
	case <-ctx.Done():
		return Caller{}, fmt.Errorf("waiting to review a token: %w", ctx.Err())
	}
	caller, err := t.review(ctx, token)
	if err == nil || errors.Is(err, ErrBadToken) {
		t.known.keep(hash, tokenAnswer{caller: caller, err: err}, time.Now())
	}
	return caller, err
}

func (t *TokenReviews) review(ctx context.Context, token string) (Caller, error) {
	question := &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{Audience}},
	}
	review, err := t.reviewer.Create(ctx, question, metav1.CreateOptions{})
	if err != nil {
		return Caller{}, fmt.Errorf("reviewing a token: %w", err)
	}
	if review == nil {
		return Caller{}, errors.New("reviewing a token: the API server gave no answer")
	}
	return callerOf(&review.Status)
}

// callerOf reads the answer of the API server. It demands the audience again: a server without audience support leaves
// the list empty and accepts tokens made for anybody.
func callerOf(status *authenticationv1.TokenReviewStatus) (Caller, error) {
	if !status.Authenticated {
		return Caller{}, ErrBadToken
	}
	if !slices.Contains(status.Audiences, Audience) {
		return Caller{}, fmt.Errorf("%w: it is made for %s", ErrBadToken, shown(strings.Join(status.Audiences, ", ")))
	}
	account, isAccount := strings.CutPrefix(status.User.Username, "system:serviceaccount:")
	namespace, name, complete := strings.Cut(account, ":")
	if !isAccount || !complete {
		return Caller{}, fmt.Errorf("%w: %s is no ServiceAccount", ErrBadToken, shown(status.User.Username))
	}
	return Caller{
		Namespace:      namespace,
		ServiceAccount: name,
		Pod:            only(status.User.Extra[extraPodName]),
		Node:           only(status.User.Extra[extraNodeName]),
	}, nil
}

// only returns the single value of a list, and nothing for a list of any other length.
func only(values authenticationv1.ExtraValue) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}
