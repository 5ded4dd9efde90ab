package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/query/querypb"
	"github.com/portolan-io/portolan/internal/query/querypb/querypbconnect"
)

const (
	pageUses       = 2_000   // uses of the edges of one page; the last edge may bring some more
	maxQuestion    = 1 << 20 // bytes of a question
	maxPath        = 64      // bytes of a wrong path that an answer repeats
	bearerPrefix   = "Bearer "
	authorizeField = "Authorization"
)

// Paths returns the paths that NewHandler's handler serves. It answers all others with 404.
func Paths() []string {
	return []string{
		querypbconnect.MapServiceEdgesProcedure, querypbconnect.MapServiceStatusProcedure, querypbconnect.MapServiceChangesProcedure,
		querypbconnect.MapServiceRefusedProcedure,
		querypbconnect.MapServiceResetProcedure,
	}
}

// Served is what NewHandler's handler serves, for people who ask for a wrong path.
const Served = "the map (" + querypbconnect.MapServiceEdgesProcedure + ", " + querypbconnect.MapServiceStatusProcedure + ", " +
	querypbconnect.MapServiceChangesProcedure + ", " + querypbconnect.MapServiceRefusedProcedure + " and " + querypbconnect.MapServiceResetProcedure + ")"

// Authorizer says whether the holder of a token may do something, and who that is. It is called from any goroutine.
// ErrUnknown, ErrAudience and ErrForbidden refuse the caller; any other error means that nobody can tell at present.
type Authorizer interface {
	Authorize(ctx context.Context, token string, deed Deed) (user string, err error)
}

// Doorkeepers are who lets people in.
type Doorkeepers struct {
	Readers  Authorizer // nil lets everyone read and is for a listener that only a port-forward reaches
	Clearers Authorizer // nil lets nobody reset the map
}

// The refusals of an Authorizer.
var (
	ErrUnknown   = errors.New("the token is not valid; pass one of this cluster with --token-file")
	ErrAudience  = errors.New("the token is one of this cluster, but for another audience than the API server; pass one that \"kubectl create token\" makes without --audience")
	ErrForbidden = errors.New("the token's user may not")
)

// NewHandler returns a handler that answers from source to those whom the doorkeepers let in. A reset is logged with its
// caller's name.
func NewHandler(source Source, keepers Doorkeepers, log *slog.Logger) http.Handler {
	_, service := querypbconnect.NewMapServiceHandler(service{source, log}, connect.WithReadMaxBytes(maxQuestion))
	return &door{service: service, keepers: keepers, errors: connect.NewErrorWriter(), log: log}
}

// door lets in who may read or reset, and survives what is behind it.
type door struct {
	service http.Handler
	keepers Doorkeepers
	errors  *connect.ErrorWriter
	log     *slog.Logger
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer d.survive(w, r)
	if !slices.Contains(Paths(), r.URL.Path) {
		http.Error(w, fmt.Sprintf("%+q is not served here; served is %s", r.URL.Path[:min(len(r.URL.Path), maxPath)], Served), http.StatusNotFound)
		return
	}
	user, err := d.admit(r)
	if err != nil {
		_ = d.errors.Write(w, r, err)
		return
	}
	d.service.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, user)))
}

// callerKey is under which a context holds the name of the caller, for the log.
type callerKey struct{}

func (d *door) survive(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, isError := cause.(error); isError && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	d.log.Error("a question made the operator stumble; this is a bug, please report it",
		"path", r.URL.Path, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	_ = d.errors.Write(w, r, connect.NewError(connect.CodeInternal, errors.New("the operator stumbled over this question; its log says where")))
}

// admit returns who calls; nobody's name is known who needs no token.
func (d *door) admit(r *http.Request) (user string, err error) {
	keeper, deed := d.keepers.Readers, Read
	if r.URL.Path == querypbconnect.MapServiceResetProcedure {
		keeper, deed = d.keepers.Clearers, Clear
	}
	switch {
	case keeper == nil && deed == Read:
		return "", nil
	case keeper == nil:
		return "", connect.NewError(connect.CodePermissionDenied, errors.New("nobody may reset the map here"))
	}
	token, given := strings.CutPrefix(r.Header.Get(authorizeField), bearerPrefix)
	if !given || token == "" {
		return "", connect.NewError(connect.CodeUnauthenticated, errors.New("a bearer token is missing; pass one with --token-file"))
	}
	user, err = keeper.Authorize(r.Context(), token, deed)
	switch {
	case err == nil:
		return user, nil
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrAudience):
		return "", connect.NewError(connect.CodeUnauthenticated, err)
	case errors.Is(err, ErrForbidden):
		return "", connect.NewError(connect.CodePermissionDenied, err)
	default:
		return "", connect.NewError(connect.CodeUnavailable, fmt.Errorf("nobody can tell now who may %s the map: %w", deed.word(), err))
	}
}

type service struct {
	source Source
	log    *slog.Logger
}

// errWithoutMap tells who asks for edges that none of them are here: an empty map would say that nobody calls anybody.
var errWithoutMap = errors.New("this operator keeps no map (--map=false); ask the one that does, with --mapper-service-name or --address")

// Edges implements the service.
func (s service) Edges(_ context.Context, request *connect.Request[querypb.EdgesRequest], pages *connect.ServerStream[querypb.EdgesPage]) error {
	filter, err := s.without(toFilter(request.Msg), request.Msg.GetWithoutLabels())
	if err != nil {
		return err
	}
	edges, basis := s.edges(request.Msg, filter), s.source.Basis()
	if basis.WithoutMap {
		return connect.NewError(connect.CodeFailedPrecondition, errWithoutMap)
	}
	page, uses := &querypb.EdgesPage{Basis: fromBasis(basis.reaching(edges))}, 0
	for _, e := range edges {
		page.Edges = append(page.Edges, fromEdge(e))
		if uses += max(len(e.Uses), 1); uses < pageUses {
			continue
		}
		if err := pages.Send(page); err != nil {
			return err
		}
		page, uses = &querypb.EdgesPage{}, 0
	}
	if page.GetBasis() == nil && len(page.GetEdges()) == 0 {
		return nil
	}
	return pages.Send(page)
}

// edges returns the present edges, or those of the moment that is asked for.
func (s service) edges(r *querypb.EdgesRequest, filter graph.Filter) []graph.Edge {
	if r.GetAt() != nil {
		return s.source.At(r.GetAt().AsTime(), filter)
	}
	return s.source.Edges(filter)
}

// Changes implements the service.
func (s service) Changes(_ context.Context, request *connect.Request[querypb.ChangesRequest], pages *connect.ServerStream[querypb.ChangesPage]) error {
	period, filter := toPeriod(request.Msg)
	if !period.From.Before(period.To) {
		return connect.NewError(connect.CodeInvalidArgument, errors.New("from: want a time before to"))
	}
	filter, err := s.without(filter, request.Msg.GetWithoutLabels())
	if err != nil {
		return err
	}
	found, basis := s.source.Changes(period, filter), s.source.Basis()
	if basis.WithoutMap {
		return connect.NewError(connect.CodeFailedPrecondition, errWithoutMap)
	}
	page := &querypb.ChangesPage{Basis: fromBasis(basis.since(found.Changes)), Same: uint64(max(found.Same, 0))}
	for {
		n, uses := 0, 0
		for n < len(found.Changes) && uses < pageUses {
			uses += max(len(found.Changes[n].Edge.Uses), 1)
			n++
		}
		page.Changes = fromChanges(found.Changes[:n])
		if err := pages.Send(page); err != nil {
			return err
		}
		if found.Changes = found.Changes[n:]; len(found.Changes) == 0 {
			return nil
		}
		page = &querypb.ChangesPage{}
	}
}

// Refused implements the service.
func (s service) Refused(_ context.Context, request *connect.Request[querypb.RefusedRequest]) (*connect.Response[querypb.RefusedResponse], error) {
	if s.source.Basis().WithoutMap {
		return nil, connect.NewError(connect.CodeFailedPrecondition, errWithoutMap)
	}
	question, err := toMissing(request.Msg)
	if err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	return connect.NewResponse(fromRefused(s.source.Refused(question))), nil
}

// Status implements the service.
func (s service) Status(context.Context, *connect.Request[querypb.StatusRequest]) (*connect.Response[querypb.StatusResponse], error) {
	status := s.source.Status()
	status.Now = time.Now()
	return connect.NewResponse(fromStatus(status)), nil
}
