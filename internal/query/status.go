package query

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portolan-io/portolan/internal/query/querypb"
)

func fromStatus(s Status) *querypb.StatusResponse {
	out := &querypb.StatusResponse{
		Version: s.Version, Started: stamp(s.Started), Edges: uint64(max(s.Edges, 0)), Synced: s.Synced, Leading: s.Leading,
		Nodes: s.Nodes, Intents: uint32(max(s.Intents, 0)), Failing: uint32(max(s.Failing, 0)), Notes: s.Notes,
		Now: stamp(s.Now), WithoutMap: s.WithoutMap, Store: fromStore(s.Store),
	}
	if len(s.Joined) > 0 {
		out.Joined = make(map[string]*timestamppb.Timestamp, len(s.Joined))
	}
	for node, at := range s.Joined {
		out.Joined[node] = timestamppb.New(at)
	}
	for _, a := range s.Agents {
		out.Agents = append(out.Agents, &querypb.Agent{
			Node: a.Node, Pod: a.Pod, Version: a.Version, LastSeen: stamp(a.LastSeen), Acknowledged: a.Acknowledged,
			Dropped: a.Dropped, SkewMilliseconds: a.Skew.Milliseconds(), Degraded: a.Degraded, Blind: a.Blind,
			Notes: a.Notes,
		})
	}
	for _, r := range s.Refusals {
		out.Refusals = append(out.Refusals, &querypb.Refusal{Reason: r.Reason, Source: r.Source, Count: r.Count, Example: r.Example, Meaning: r.Meaning})
	}
	return out
}

func toStatus(s *querypb.StatusResponse) Status {
	out := Status{
		Version: s.GetVersion(), Started: instant(s.GetStarted()), Edges: int(s.GetEdges()), Synced: s.GetSynced(),
		Leading: s.GetLeading(), Nodes: s.GetNodes(), Intents: int(s.GetIntents()), Failing: int(s.GetFailing()), Notes: s.GetNotes(),
		Now: instant(s.GetNow()), WithoutMap: s.GetWithoutMap(), Store: toStore(s.GetStore()),
	}
	if len(s.GetJoined()) > 0 {
		out.Joined = make(map[string]time.Time, len(s.GetJoined()))
	}
	for node, at := range s.GetJoined() {
		out.Joined[node] = instant(at)
	}
	for _, a := range s.GetAgents() {
		out.Agents = append(out.Agents, Agent{
			Node: a.GetNode(), Pod: a.GetPod(), Version: a.GetVersion(), LastSeen: instant(a.GetLastSeen()),
			Acknowledged: a.GetAcknowledged(), Dropped: a.GetDropped(),
			Skew: time.Duration(a.GetSkewMilliseconds()) * time.Millisecond, Degraded: a.GetDegraded(), Blind: a.GetBlind(),
			Notes: a.GetNotes(),
		})
	}
	for _, r := range s.GetRefusals() {
		out.Refusals = append(out.Refusals, Refusal{
			Reason: r.GetReason(), Source: r.GetSource(), Count: r.GetCount(), Example: r.GetExample(), Meaning: r.GetMeaning(),
		})
	}
	return out
}

func fromStore(s Store) *querypb.Store {
	return &querypb.Store{
		Kind: s.Kind, Target: s.Target, Problem: s.Problem, Since: stamp(s.Since), Notes: s.Notes, Began: stamp(s.Began),
		Contact: stamp(s.Contact), Waiting: uint64(max(s.Waiting, 0)),
	}
}

func toStore(s *querypb.Store) Store {
	return Store{
		Kind: s.GetKind(), Target: s.GetTarget(), Problem: s.GetProblem(), Since: instant(s.GetSince()), Notes: s.GetNotes(),
		Began: instant(s.GetBegan()), Contact: instant(s.GetContact()), Waiting: int(s.GetWaiting()),
	}
}
