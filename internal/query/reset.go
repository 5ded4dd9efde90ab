package query

import (
	"context"
	"errors"
	"fmt"

	"connectrpc.com/connect"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/portolan-io/portolan/internal/query/querypb"
)

// maxCleared is how many namespaces one reset names at most.
const maxCleared = 10_000

// Reset implements the service.
func (s service) Reset(ctx context.Context, request *connect.Request[querypb.ResetRequest]) (*connect.Response[querypb.ResetResponse], error) {
	namespaces := request.Msg.GetNamespaces()
	if err := checkCleared(namespaces); err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	if s.source.Basis().WithoutMap {
		return nil, connect.NewError(connect.CodeFailedPrecondition, errWithoutMap)
	}
	user, _ := ctx.Value(callerKey{}).(string)
	log := s.log.With("user", user, "namespaces", namespaces)
	edges, err := s.source.Reset(ctx, namespaces)
	if err != nil {
		log.Warn("a reset of the map failed", "error", err)
		return nil, connect.NewError(connect.CodeUnavailable, fmt.Errorf("the map is not reset: %w", err))
	}
	log.Info("the map was reset", "edges", edges)
	return connect.NewResponse(&querypb.ResetResponse{Edges: uint64(max(edges, 0))}), nil
}

// checkCleared refuses what can be the name of no namespace: above all the empty one, which a person does not mean by all.
func checkCleared(namespaces []string) error {
	if len(namespaces) > maxCleared {
		return fmt.Errorf("namespaces: %d are too many, want at most %d", len(namespaces), maxCleared)
	}
	var errs []error
	for _, namespace := range namespaces {
		if len(validation.IsDNS1123Label(namespace)) > 0 {
			errs = append(errs, fmt.Errorf("namespace %.64q: want the name of a namespace", namespace))
		}
	}
	return errors.Join(errs[:min(len(errs), 3)]...)
}

// Reset clears the edges of those namespaces, or all where there are none, with their history. It returns how many went.
func (c *Client) Reset(ctx context.Context, namespaces []string) (int, error) {
	response, err := c.service.Reset(ctx, connect.NewRequest(&querypb.ResetRequest{Namespaces: namespaces}))
	if err != nil {
		return 0, answered(err)
	}
	return int(response.Msg.GetEdges()), nil
}
