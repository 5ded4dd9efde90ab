package query

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TokenReviewer asks the API server whose a token is. The TokenReviews client of client-go is one.
type TokenReviewer interface {
	Create(ctx context.Context, review *authenticationv1.TokenReview, options metav1.CreateOptions) (*authenticationv1.TokenReview, error)
}

// AccessReviewer asks the API server what a user may do. The SubjectAccessReviews client of client-go is one.
type AccessReviewer interface {
	Create(ctx context.Context, review *authorizationv1.SubjectAccessReview, options metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error)
}

// Deed is what the holder of a token wants to do with the map: the verb of the right that it takes.
type Deed string

// The deeds.
const (
	Read  Deed = "get"
	Clear Deed = "delete"
)

// role returns the ClusterRole that gives the right.
func (d Deed) role() string {
	if d == Clear {
		return "portolan-map-resetter"
	}
	return "portolan-map-reader"
}

// word says it to people.
func (d Deed) word() string {
	if d == Clear {
		return "reset"
	}
	return "read"
}

// Reviews authorizes by Kubernetes itself: the token must be one of the cluster, and its user must have the right to get or
// delete graphs of the group portolan.dev, a resource that exists only for this question.
type Reviews struct {
	Tokens TokenReviewer
	Access AccessReviewer
}

// Authorize implements Authorizer.
func (r Reviews) Authorize(ctx context.Context, token string, deed Deed) (user string, err error) {
	review, err := r.Tokens.Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("reviewing the token: %w", err)
	}
	if !review.Status.Authenticated {
		return "", r.unknown(ctx, token)
	}
	access, err := r.Access.Create(ctx, accessReview(review.Status.User, deed), metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("reviewing the access of %s: %w", review.Status.User.Username, err)
	}
	if !access.Status.Allowed {
		return "", fmt.Errorf("%w %s graphs.portolan.dev; bind the ClusterRole %s to it (user %s)", ErrForbidden, deed, deed.role(), review.Status.User.Username)
	}
	return review.Status.User.Username, nil
}

// unknown says why a token is not known: it may be one of the cluster that was made for somebody else. The token itself
// tells for whom; that it is right about it, the API server has to confirm.
func (r Reviews) unknown(ctx context.Context, token string) error {
	audiences := audiencesOf(token)
	if len(audiences) == 0 {
		return ErrUnknown
	}
	review, err := r.Tokens.Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: audiences},
	}, metav1.CreateOptions{})
	if err != nil || !review.Status.Authenticated {
		return ErrUnknown
	}
	return fmt.Errorf("%w (it is for %q)", ErrAudience, audiences)
}

func accessReview(user authenticationv1.UserInfo, deed Deed) *authorizationv1.SubjectAccessReview {
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for key, values := range user.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	return &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Group: "portolan.dev", Resource: "graphs", Verb: string(deed)},
	}}
}
