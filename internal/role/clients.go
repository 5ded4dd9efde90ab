package role

import (
	"context"
	"fmt"
	"log/slog"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/wire"
)

// clients are the few direct questions to the API server that no informer answers.
type clients struct{ kubernetes *kubernetes.Clientset }

func newClients(config *rest.Config) (*clients, error) {
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("preparing the API client: %w", err)
	}
	return &clients{kubernetes: set}, nil
}

func (c *clients) tokens() wire.TokenReviewer { return c.kubernetes.AuthenticationV1().TokenReviews() }

// reviews decides who may read or reset the map with a token.
func (c *clients) reviews() query.Authorizer {
	return query.Reviews{Tokens: c.tokens(), Access: c.kubernetes.AuthorizationV1().SubjectAccessReviews()}
}

// clusterUID returns the UID of the namespace kube-system, by which documents name the cluster. Without it they name none.
func (c *clients) clusterUID(ctx context.Context, log *slog.Logger) string {
	namespace, err := c.kubernetes.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		log.Warn("the cluster has no name in exports: the namespace kube-system cannot be read", "error", err)
		return ""
	}
	return string(namespace.UID)
}
