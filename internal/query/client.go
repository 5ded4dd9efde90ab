package query

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/query/querypb"
	"github.com/portolan-io/portolan/internal/query/querypb/querypbconnect"
)

// Client asks an operator. It is safe for concurrent use.
type Client struct {
	service querypbconnect.MapServiceClient
}

// NewClient returns a client that asks at url, such as "https://host:9443", through http. token is sent as bearer token
// unless it is empty.
func NewClient(http *http.Client, url, token string) *Client {
	return &Client{service: querypbconnect.NewMapServiceClient(http, url, connect.WithInterceptors(bearer(token)))}
}

// AnswerError is a question that the operator answered, but not with success.
type AnswerError struct {
	Status  int // the HTTP status that means the same
	Message string
}

// Error implements error.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("operator answered %d: %s", e.Status, e.Message)
}

// Edges returns what the operator knows of the edges that the filter selects, sorted. An error means that nothing is
// known: an answer that broke off is never taken for a small map. Edges with a workload at either end that has one of the
// labels, as ParseLabel reads them, are left out.
func (c *Client) Edges(ctx context.Context, filter graph.Filter, withoutLabels ...string) (Basis, []graph.Edge, error) {
	question := fromFilter(filter)
	question.WithoutLabels = withoutLabels
	return c.edges(ctx, question)
}

// At is Edges as they were at t. The times of the filter are not looked at.
func (c *Client) At(ctx context.Context, t time.Time, filter graph.Filter, withoutLabels ...string) (Basis, []graph.Edge, error) {
	question := fromFilter(filter)
	question.At, question.WithoutLabels = stamp(t), withoutLabels
	return c.edges(ctx, question)
}

func (c *Client) edges(ctx context.Context, question *querypb.EdgesRequest) (Basis, []graph.Edge, error) {
	pages, err := c.service.Edges(ctx, connect.NewRequest(question))
	if err != nil {
		return Basis{}, nil, answered(err)
	}
	defer pages.Close()
	var basis *querypb.Basis
	var edges []graph.Edge
	for pages.Receive() {
		if b := pages.Msg().GetBasis(); b != nil {
			basis = b
		}
		for _, e := range pages.Msg().GetEdges() {
			edge, err := toEdge(e)
			if err != nil {
				return Basis{}, nil, unreadable(err)
			}
			edges = append(edges, edge)
		}
	}
	if err := whole(pages.Err(), basis, question.GetWithoutLabels()); err != nil {
		return Basis{}, nil, err
	}
	return toBasis(basis), edges, nil
}

// Changes returns how the edges that the filter selects changed in a period, sorted by edge and then by time.
func (c *Client) Changes(ctx context.Context, period Period, filter graph.Filter, withoutLabels ...string) (Basis, Changes, error) {
	question := fromPeriod(period, filter)
	question.WithoutLabels = withoutLabels
	pages, err := c.service.Changes(ctx, connect.NewRequest(question))
	if err != nil {
		return Basis{}, Changes{}, answered(err)
	}
	defer pages.Close()
	var basis *querypb.Basis
	var found Changes
	for pages.Receive() {
		if b := pages.Msg().GetBasis(); b != nil {
			basis, found.Same = b, int(pages.Msg().GetSame())
		}
		for _, change := range pages.Msg().GetChanges() {
			edge, err := toEdge(change.GetEdge())
			if err != nil {
				return Basis{}, Changes{}, unreadable(err)
			}
			found.Changes = append(found.Changes, graph.Change{Edge: edge, Turn: graph.Turn(change.GetTurn()), At: instant(change.GetAt())})
		}
	}
	if err := whole(pages.Err(), basis, withoutLabels); err != nil {
		return Basis{}, Changes{}, err
	}
	return toBasis(basis), found, nil
}

func unreadable(err error) error { return fmt.Errorf("reading the operator's answer: %w", err) }

// errUnlabelled refuses an answer that has what was to be left out.
var errUnlabelled = errors.New("the operator is too old to look at labels; ask without them, or upgrade it")

// whole says what is wrong with an answer that broke off, is none, or did not look at the labels.
func whole(err error, basis *querypb.Basis, labels []string) error {
	switch {
	case err != nil:
		return answered(err)
	case basis == nil:
		return unreadable(errors.New("it has no beginning; is this address the operator's?"))
	case len(labels) > 0 && !basis.GetLabelled():
		return errUnlabelled
	default:
		return nil
	}
}

// Refused returns the newest refused sightings that may explain why an edge is missing, the newest first, at most
// RefusedLimit. An operator that is older than the question answers with status 404.
func (c *Client) Refused(ctx context.Context, question Missing) ([]Refused, error) {
	response, err := c.service.Refused(ctx, connect.NewRequest(fromMissing(question)))
	if err != nil {
		return nil, answered(err)
	}
	return toRefused(response.Msg), nil
}

// Status returns how the operator and the agents are.
func (c *Client) Status(ctx context.Context) (Status, error) {
	response, err := c.service.Status(ctx, connect.NewRequest(&querypb.StatusRequest{}))
	if err != nil {
		return Status{}, answered(err)
	}
	return toStatus(response.Msg), nil
}

// answered tells an answer of the operator from a connection that failed.
func answered(err error) error {
	var refused *connect.Error
	if errors.As(err, &refused) && connect.IsWireError(err) {
		return &AnswerError{Status: httpStatus(refused.Code()), Message: refused.Message()}
	}
	if refused != nil {
		return refused.Unwrap()
	}
	return err
}

// httpStatus returns the status that Connect gives to a code.
func httpStatus(code connect.Code) int {
	switch code {
	case connect.CodeInvalidArgument, connect.CodeFailedPrecondition, connect.CodeOutOfRange:
		return http.StatusBadRequest
	case connect.CodeUnauthenticated:
		return http.StatusUnauthorized
	case connect.CodePermissionDenied:
		return http.StatusForbidden
	case connect.CodeNotFound, connect.CodeUnimplemented:
		return http.StatusNotFound
	case connect.CodeResourceExhausted:
		return http.StatusTooManyRequests
	case connect.CodeUnavailable:
		return http.StatusServiceUnavailable
	case connect.CodeDeadlineExceeded:
		return http.StatusGatewayTimeout
	case connect.CodeCanceled, connect.CodeUnknown, connect.CodeAlreadyExists, connect.CodeAborted, connect.CodeInternal, connect.CodeDataLoss:
		return http.StatusInternalServerError
	default:
		return http.StatusInternalServerError
	}
}

// bearer adds the token to every question.
type bearer string

// WrapUnary implements connect.Interceptor.
func (b bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		b.add(request.Header())
		return next(ctx, request)
	}
}

// WrapStreamingClient implements connect.Interceptor.
func (b bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		b.add(conn.RequestHeader())
		return conn
	}
}

// WrapStreamingHandler implements connect.Interceptor.
func (b bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func (b bearer) add(header http.Header) {
	if b != "" {
		header.Set(authorizeField, bearerPrefix+string(b))
	}
}
