package wire

import (
	"cmp"
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

// Batch is what an agent reports at a time, checked. Sightings are well formed, and never none.
type Batch struct {
	Agent      Agent
	Epoch, Seq uint64 // the run of the agent, and the number of the batch in that run
	Received   time.Time
	Sightings  []traffic.Sighting
}

// Sink takes batches. The handler calls it from any goroutine, but never twice at a time for one agent, and gives the
// sightings away. An error means that nothing of the batch is taken, and the agent sends it again. A batch never comes twice
// while this process lives, unless Accept failed or panicked.
type Sink interface {
	Accept(Batch) (Receipt, error)
}

// Receipt stands for a batch that was taken. Wait returns when it is stored, and whether it had been before, by somebody else;
// then the agent forgets it. An error means that it is not stored yet: the agent repeats it, and Wait is called again.
type Receipt interface {
	Wait(ctx context.Context) (duplicate bool, err error)
}

// Committed names a batch that the sink stored before this process began: that one and all before it are known.
type Committed struct {
	Node, Pod  string
	Epoch, Seq uint64
	Seen       time.Time
}

// Account names a ServiceAccount.
type Account struct {
	Namespace string
	Name      string
}

// HandlerOptions is everything a Handler needs. All but Committed, Roster, Others and Log are required.
type HandlerOptions struct {
	Authenticator Authenticator
	Account       Account // the agents' ServiceAccount; nobody else may report
	Sink          Sink
	Committed     []Committed  // the highest batch of each run of an agent that the sink has
	Roster        *Roster      // where states of agents are kept; nil is an own one
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
	porch   *porch
	gate    *gate
	ledger  *ledger
	roster  *Roster
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
		porch:   newPorch(),
		gate:    newGate(maxRequests),
		ledger:  newLedger(maxEpochs, options.Committed),
		roster:  cmp.Or(options.Roster, NewRoster()),
		counts:  counts{strangers: newStrangers()},
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
	Answers    map[int]uint64      // answers by HTTP status; those of gRPC by the status that means the same
	Strangers  map[Stranger]uint64 // refused tokens; every reason is there
	Batches    uint64              // batches merged
	Duplicates uint64              // batches that were merged before
	Gaps       uint64              // batches that agents dropped on the way
	Heartbeats uint64
	Sightings  uint64 // sightings given to the sink
	Rejected   uint64 // sightings refused one by one
	SinkErrors uint64 // batches the sink could not take
	Panics     uint64

	UnknownFields uint64 // fields of requests that were ignored because this operator does not know them
}

type counts struct {
	answers                                               answers
	strangers                                             strangers
	batches, duplicates, gaps, heartbeats                 atomic.Uint64
	sightings, rejectedSightings, sinkErrors, panicsCount atomic.Uint64
	unknownFields                                         atomic.Uint64
}

// Stats returns the present counts. It is safe for concurrent use.
func (h *Handler) Stats() HandlerStats {
	return HandlerStats{
		Answers:    h.counts.answers.snapshot(),
		Strangers:  h.counts.strangers.snapshot(),
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
	request.Msg.Sightings = nil // many may wait for their commit at a time
	answer := &wirepb.ReportResponse{Accepted: uint32(len(accepted)), Rejected: rejected}
	answer.Duplicate, err = s.take(ctx, sender, Batch{
		Agent: sender.agent, Epoch: sender.epoch, Seq: request.Msg.GetSeq(), Received: received, Sightings: shift(accepted, skew, received),
	})
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
	if reason, err := checkBinding(sender.agent, caller); err != nil {
		return sender, s.counts.strangers.refuse(reason, err)
	}
	sender.agent.Pod = caller.Pod
	return sender, nil
}

// checkBinding refuses an agent that speaks for a node or pod other than its own. An agent need not name its pod.
func checkBinding(agent Agent, caller Caller) (Stranger, error) {
	switch {
	case caller.Node == "" || caller.Pod == "":
		return UnboundToken, forbidden("the token is not bound to a pod and a node; project it into the agent's pod, on Kubernetes 1.30 or later")
	case agent.Node != caller.Node:
		return ForeignNode, forbidden("agent.node: the token belongs to a pod of node %s, not of %s", shown(caller.Node), shown(agent.Node))
	case agent.Pod != "" && agent.Pod != caller.Pod:
		return ForeignPod, forbidden("agent.pod: the token belongs to pod %s, not to %s", shown(caller.Pod), shown(agent.Pod))
	}
	return "", nil
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

// take gives a batch to the sink unless it was merged before, waits until it is stored, and reports whether it had been.
func (h *Handler) take(ctx context.Context, sender greeting, b Batch) (duplicate bool, err error) {
	if h.ledger.merged(sender.key(), b.Seq, b.Received) {
		h.ledger.touch(sender.key(), b.Received)
		h.counts.duplicates.Add(1)
		return true, nil
	}
	taken := uint64(len(b.Sightings))
	if taken > 0 {
		duplicate, err = h.store(ctx, sender, b)
	}
	if err != nil {
		h.counts.sinkErrors.Add(1)
		return false, unavailable(fmt.Errorf("the batch could not be stored: %w", err))
	}
	h.counts.gaps.Add(h.ledger.commit(sender.key(), b.Seq, sender.acknowledgedSeq, b.Received))
	if duplicate {
		h.counts.duplicates.Add(1)
		return true, nil
	}
	h.counts.batches.Add(1)
	h.counts.sightings.Add(taken)
	return false, nil
}

// store gives a batch to the sink, or finds the one that it repeats, and waits until it is stored. Who waits needs no place:
// what it was read from is gone.
func (h *Handler) store(ctx context.Context, sender greeting, b Batch) (duplicate bool, err error) {
	receipt := h.ledger.underway(sender.key(), b.Seq)
	if receipt == nil {
		if receipt, err = h.options.Sink.Accept(b); err != nil {
			return false, err
		}
		h.ledger.take(sender.key(), b.Seq, sender.acknowledgedSeq, receipt, b.Received)
	}
	passOfRequest(ctx).freePlace()
	return receipt.Wait(ctx)
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
