package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire/wirepb"
	"github.com/portolan-io/portolan/internal/wire/wirepb/wirepbconnect"
)

// Sink takes the well-formed sightings of one batch. The handler calls it from any goroutine, but never twice at a time
// for one agent, and gives the slice away. nil means that the sightings are committed: the agent forgets them. An error
// means that none is, and the agent sends the same batch again. A batch never comes twice while this process lives,
// unless Accept failed or panicked.
type Sink interface {
	Accept(agent Agent, sightings []traffic.Sighting) error
}

// Account names a ServiceAccount.
type Account struct {
	Namespace string
	Name      string
}

// HandlerOptions is everything a Handler needs. All but Others and Log are required.
type HandlerOptions struct {
	Authenticator Authenticator
	Account       Account // the agents' ServiceAccount; nobody else may report
	Sink          Sink
	Others        string       // what else the same server serves, in words with paths, for those who ask for a wrong one
	Log           *slog.Logger // nil discards
}

// Validate returns one error per missing field, joined.
func (o HandlerOptions) Validate() error {
	var errs []error
	if o.Authenticator == nil {
		errs = append(errs, errors.New("authenticator: is missing"))
	}
	if o.Account.Namespace == "" || o.Account.Name == "" {
		errs = append(errs, fmt.Errorf("agent account %q: want namespace and name of the agents' ServiceAccount", o.Account.Namespace+"/"+o.Account.Name))
	}
	if o.Sink == nil {
		errs = append(errs, errors.New("sink: is missing"))
	}
	return errors.Join(errs...)
}

// Handler serves AgentService to authenticated agents, by Connect (protobuf or JSON), gRPC and gRPC-Web. It is safe for
// concurrent use.
type Handler struct {
	options HandlerOptions
	service http.Handler
	errors  *connect.ErrorWriter
	gate    *gate
	ledger  *ledger
	roster  *roster
	counts  counts
}

// Prefix is the beginning of all paths that Handler serves, whatever the version; others answer 404 there.
const Prefix = "/portolan.wire."

// NewHandler returns a handler that has heard of no agent yet. The error is that of options.Validate.
func NewHandler(options HandlerOptions) (*Handler, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{
		options: options,
		errors:  connect.NewErrorWriter(),
		gate:    newGate(maxRequests),
		ledger:  newLedger(maxEpochs),
		roster:  newRoster(maxAgents),
	}
	h.service = agentService{h}.routes()
	return h, nil
}

// Agents returns the newest state of each node's agent that was heard within a day, sorted by node. It is a copy.
func (h *Handler) Agents() []AgentState {
	return h.roster.list(time.Now())
}

// HandlerStats is what a Handler has counted since it was made. Sightings are counted as they come, repeats folded.
type HandlerStats struct {
	Answers    map[int]uint64 // answers by HTTP status; those of gRPC by the status that means the same
	Batches    uint64         // batches merged
	Duplicates uint64         // batches that were merged before
	Gaps       uint64         // batches that agents dropped on the way
	Heartbeats uint64
	Sightings  uint64 // sightings given to the sink
	Rejected   uint64 // sightings refused one by one
	SinkErrors uint64 // batches the sink could not take
	Panics     uint64

	UnknownFields uint64 // fields of requests that were ignored because this operator does not know them
}

type counts struct {
	answers                                               answers
	batches, duplicates, gaps, heartbeats                 atomic.Uint64
	sightings, rejectedSightings, sinkErrors, panicsCount atomic.Uint64
	unknownFields                                         atomic.Uint64
}

// Stats returns the present counts. It is safe for concurrent use.
func (h *Handler) Stats() HandlerStats {
	return HandlerStats{
		Answers:    h.counts.answers.snapshot(),
		Batches:    h.counts.batches.Load(),
		Duplicates: h.counts.duplicates.Load(),
		Gaps:       h.counts.gaps.Load(),
		Heartbeats: h.counts.heartbeats.Load(),
		Sightings:  h.counts.sightings.Load(),
		Rejected:   h.counts.rejectedSightings.Load(),
		SinkErrors: h.counts.sinkErrors.Load(),
		Panics:     h.counts.panicsCount.Load(),

		UnknownFields: h.counts.unknownFields.Load(),
	}
}

// agentService is the service behind the door: its callers are authenticated, and each has one request at a time.
type agentService struct{ *Handler }

// routes serves the service like the generated handler, but reads requests into types that keep what is unknown in them.
func (s agentService) routes() http.Handler {
	options := connect.WithHandlerOptions(
		connect.WithCodec(protoCodec{}),
		connect.WithCodec(jsonCodec{"json"}),
		connect.WithCodec(jsonCodec{"json; charset=utf-8"}),
		connect.WithCompression("gzip", newBoundedGzip, newGzip),
		connect.WithReadMaxBytes(MaxUnpacked),
	)
	mux := http.NewServeMux()
	mux.Handle(wirepbconnect.AgentServiceReportProcedure, connect.NewUnaryHandler(wirepbconnect.AgentServiceReportProcedure, s.Report, options))
	mux.Handle(wirepbconnect.AgentServiceHeartbeatProcedure, connect.NewUnaryHandler(wirepbconnect.AgentServiceHeartbeatProcedure, s.Heartbeat, options))
	return mux
}

// Report implements the service.
func (s agentService) Report(ctx context.Context, request *connect.Request[reportRequest]) (*connect.Response[wirepb.ReportResponse], error) {
	received := time.Now()
	sender, err := s.greet(ctx, request.Msg)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(&request.Msg.ReportRequest); err != nil {
		return nil, request.Msg.unknown.explain(err)
	}
	skew := received.Sub(sender.sentAt)
	accepted, rejected := readSightings(request.Msg.GetSightings(), request.Msg.unknown.words)
	answer := &wirepb.ReportResponse{Accepted: uint32(len(accepted)), Rejected: rejected}
	answer.Duplicate, err = s.take(sender, request.Msg.GetSeq(), shift(accepted, skew, received))
	if err != nil {
		return nil, err
	}
	if !answer.GetDuplicate() {
		s.counts.rejectedSightings.Add(uint64(len(rejected)))
	}
	s.note(sender, received)
	return connect.NewResponse(answer), nil
}

// Heartbeat implements the service.
func (s agentService) Heartbeat(ctx context.Context, request *connect.Request[heartbeatRequest]) (*connect.Response[wirepb.HeartbeatResponse], error) {
	received := time.Now()
	sender, err := s.greet(ctx, request.Msg)
	if err != nil {
		return nil, err
	}
	s.ledger.touch(sender.key(), received)
	s.note(sender, received)
	s.counts.heartbeats.Add(1)
	return connect.NewResponse(&wirepb.HeartbeatResponse{}), nil
}

// greet counts what is unknown in a request, and checks who sends it and what the sender says of itself.
func (s agentService) greet(ctx context.Context, r request) (greeting, error) {
	s.counts.unknownFields.Add(r.strange().fields)
	sender, err := readEnvelope(r)
	if err != nil {
		return sender, r.strange().explain(connect.NewError(connect.CodeInvalidArgument, err))
	}
	sender.unknown = r.strange().found()
	caller := callerOfRequest(ctx)
	if err := checkBinding(sender.agent, caller); err != nil {
		return sender, err
	}
	sender.agent.Pod = caller.Pod
	return sender, nil
}

// checkBinding refuses an agent that speaks for a node or pod other than its own. An agent need not name its pod.
func checkBinding(agent Agent, caller Caller) error {
	switch {
	case caller.Node == "" || caller.Pod == "":
		return forbidden("the token is not bound to a pod and a node; project it into the agent's pod, on Kubernetes 1.30 or later")
	case agent.Node != caller.Node:
		return forbidden("agent.node: the token belongs to a pod of node %s, not of %s", shown(caller.Node), shown(agent.Node))
	case agent.Pod != "" && agent.Pod != caller.Pod:
		return forbidden("agent.pod: the token belongs to pod %s, not to %s", shown(caller.Pod), shown(agent.Pod))
	}
	return nil
}

func forbidden(format string, args ...any) error {
	return connect.NewError(connect.CodePermissionDenied, fmt.Errorf(format, args...))
}

// checkBatch checks what belongs to the batch as a whole.
func checkBatch(request *wirepb.ReportRequest) error {
	switch n := len(request.GetSightings()); {
	case request.GetSeq() == 0:
		return connect.NewError(connect.CodeInvalidArgument, errors.New("seq is missing; the first batch of an epoch is 1"))
	case n == 0:
		return connect.NewError(connect.CodeInvalidArgument, errors.New("the batch has no sightings"))
	case n > MaxSightings:
		return tooLarge("10,000 sightings")
	}
	return nil
}

// take gives a batch to the sink unless it was merged before, and reports whether it was.
func (h *Handler) take(sender greeting, seq uint64, sightings []traffic.Sighting) (duplicate bool, err error) {
	now := time.Now()
	if h.ledger.merged(sender.key(), seq, now) {
		h.ledger.touch(sender.key(), now)
		h.counts.duplicates.Add(1)
		return true, nil
	}
	taken := uint64(len(sightings))
	if taken > 0 {
		if err := h.options.Sink.Accept(sender.agent, sightings); err != nil {
			h.counts.sinkErrors.Add(1)
			return false, unavailable(fmt.Errorf("the batch could not be stored: %w", err))
		}
	}
	h.counts.gaps.Add(h.ledger.commit(sender.key(), seq, sender.acknowledgedSeq, now))
	h.counts.batches.Add(1)
	h.counts.sightings.Add(taken)
	return false, nil
}

// note keeps the state of the sender, and says once per agent that something in its requests is unknown.
func (h *Handler) note(sender greeting, received time.Time) {
	first := h.roster.note(AgentState{
		Agent:        sender.agent,
		Status:       sender.status,
		Epoch:        sender.epoch,
		LastSeen:     received,
		Skew:         received.Sub(sender.sentAt),
		Acknowledged: sender.acknowledged,
		Unknown:      sender.unknown,
	})
	if first {
		h.options.Log.Warn("an agent sends fields that this operator does not know; they are ignored and counted, and everything else is taken",
			"node", sender.agent.Node, "pod", sender.agent.Pod, "agentVersion", sender.agent.Version, "unknown", strings.Join(sender.unknown.Names, ", "))
	}
}

func (g greeting) key() epochKey {
	return epochKey{node: g.agent.Node, pod: g.agent.Pod, epoch: g.epoch}
}
