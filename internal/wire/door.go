package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/portolan-io/portolan/internal/wire/wirepb/wirepbconnect"
)

// ServeHTTP implements http.Handler. Everything that can be refused without the body is refused before it is read, so a
// stranger costs one look at the headers.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := &answerWriter{ResponseWriter: w}
	defer func() { h.counts.answers.add(answer.meaning()) }()
	defer h.survive(answer, r)
	if !h.routed(answer, r) {
		return
	}
	caller, err := h.authenticate(r)
	if err != nil {
		h.refuse(answer, r, err)
		return
	}
	pass, err := h.gate.enter(r.Context(), caller)
	if err != nil {
		h.refuse(answer, r, err)
		return
	}
	defer pass.leave()
	r = r.WithContext(context.WithValue(context.WithValue(r.Context(), callerKey{}, caller), passKey{}, pass))
	if r.ContentLength > MaxCompressed {
		h.refuse(answer, r, tooLarge(limitAsSent))
		return
	}
	r.Body = &boundedBody{ReadCloser: r.Body, left: MaxCompressed}
	h.service.ServeHTTP(answer, r)
}

// survive turns a panic into an answer and a count. Where the answer has begun, only the connection can end.
func (h *Handler) survive(answer *answerWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	h.counts.panicsCount.Add(1)
	h.options.Log.Error("a request made the operator stumble; this is a bug, please report it",
		"path", r.URL.Path, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	if answer.status != 0 {
		panic(http.ErrAbortHandler)
	}
	h.refuse(answer, r, connect.NewError(connect.CodeInternal, errors.New("the operator stumbled over this request; its log says where")))
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if writeErr := h.errors.Write(w, r, err); writeErr != nil {
		h.options.Log.Debug("an answer could not be written", "error", writeErr)
	}
}

// reports is what a Handler serves, for people.
const reports = "reports (" + wirepbconnect.AgentServiceReportProcedure + " and " + wirepbconnect.AgentServiceHeartbeatProcedure + ")"

// routed answers what is not a call of this service, naming what is served.
func (h *Handler) routed(w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.Path {
	case wirepbconnect.AgentServiceReportProcedure, wirepbconnect.AgentServiceHeartbeatProcedure:
	default:
		served := reports
		if h.options.Others != "" {
			served += " and " + h.options.Others
		}
		http.Error(w, fmt.Sprintf("%s is not served here; served are %s", shown(r.URL.Path), served), http.StatusNotFound)
		return false
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "want POST", http.StatusMethodNotAllowed)
		return false
	}
	if kind := r.Header.Get("Content-Type"); !served(kind) {
		http.Error(w, fmt.Sprintf("content type %s is not served; served are application/proto and application/json, and those of gRPC and gRPC-Web", shown(kind)), http.StatusUnsupportedMediaType)
		return false
	}
	return true
}

func served(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(kind)), "+")
	switch kind {
	case "application/proto", "application/json", "application/grpc", "application/grpc-web":
		return true
	}
	return false
}

// authenticate returns the caller if it is an agent.
func (h *Handler) authenticate(r *http.Request) (Caller, error) {
	leave, err := h.porch.enter(r.RemoteAddr)
	if err != nil {
		return Caller{}, err
	}
	defer leave()
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Caller{}, h.counts.strangers.refuse(NoToken, unauthenticated(errors.New("the header Authorization: Bearer <ServiceAccount token> is missing")))
	}
	caller, err := h.options.Authenticator.Authenticate(r.Context(), strings.TrimSpace(token))
	switch {
	case errors.Is(err, ErrBadToken):
		return caller, h.counts.strangers.refuse(BadToken, unauthenticated(err))
	case err != nil:
		return caller, unavailable(fmt.Errorf("the token could not be checked: %w", err))
	case caller.Namespace != h.options.Account.Namespace || caller.ServiceAccount != h.options.Account.Name:
		return caller, h.counts.strangers.refuse(WrongAccount,
			forbidden("ServiceAccount %s is not that of the agents", shown(caller.Namespace+"/"+caller.ServiceAccount)))
	}
	return caller, nil
}

func unauthenticated(err error) error {
	coded := connect.NewError(connect.CodeUnauthenticated, err)
	coded.Meta().Set("WWW-Authenticate", "Bearer")
	return coded
}

// unavailable asks the agent to come back: nothing is lost, and nothing is wrong with its request.
func unavailable(err error) error {
	coded := connect.NewError(connect.CodeUnavailable, err)
	coded.Meta().Set("Retry-After", "2")
	return coded
}

type callerKey struct{}

func callerOfRequest(ctx context.Context) Caller {
	caller, _ := ctx.Value(callerKey{}).(Caller)
	return caller
}

type passKey struct{}

func passOfRequest(ctx context.Context) *pass {
	p, _ := ctx.Value(passKey{}).(*pass)
	return p
}

const (
	maxRequests = 8               // requests that are read and merged at a time; each may hold 16 MiB
	maxWait     = 2 * time.Second // how long a request waits for a place
)

// gate admits one request per caller and a bounded number in all, so that no agent starves the others. It is safe for
// concurrent use.
type gate struct {
	places chan struct{}

	mu     sync.Mutex
	inside map[Caller]bool
}

func newGate(places int) *gate {
	return &gate{places: make(chan struct{}, places), inside: make(map[Caller]bool)}
}

// pass is what an admitted request has: a place until its batch is taken, and its caller's turn until it is answered.
type pass struct {
	gate   *gate
	caller Caller
	placed bool
}

// freePlace gives the place to somebody else. It belongs to the goroutine of the request.
func (p *pass) freePlace() {
	if p != nil && p.placed {
		p.placed = false
		<-p.gate.places
	}
}

// leave ends the request.
func (p *pass) leave() {
	p.freePlace()
	p.gate.release(p.caller)
}

// enter waits a moment for a place. The caller of enter calls leave when the request is done.
func (g *gate) enter(ctx context.Context, caller Caller) (*pass, error) {
	if !g.claim(caller) {
		return nil, busy("another request of this agent is under way; send one at a time")
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		return &pass{gate: g, caller: caller, placed: true}, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	g.release(caller)
	return nil, busy("too many batches at a time")
}

func busy(why string) error {
	err := connect.NewError(connect.CodeResourceExhausted, errors.New(why))
	err.Meta().Set("Retry-After", "1")
	return err
}

func (g *gate) claim(caller Caller) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside[caller] {
		return false
	}
	g.inside[caller] = true
	return true
}

func (g *gate) release(caller Caller) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.inside, caller)
}
