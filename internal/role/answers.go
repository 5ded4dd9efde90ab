package role

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/live"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/resolve"
	"github.com/portolan-io/portolan/internal/store"
	"github.com/portolan-io/portolan/internal/wire"
)

// answers is what the operator says when people ask.
type answers struct {
	*chart
	version string
	cluster string // UID of kube-system; empty when it could not be read
	elected <-chan struct{}
	tally   *controllers.Tally
}

// Basis implements query.Source.
func (a answers) Basis() query.Basis {
	kept := a.journal.State()
	began := kept.Began
	if horizon := time.Now().Add(-a.history); horizon.After(began) {
		began = horizon
	}
	basis := query.Basis{
		From: began, To: kept.Contact, Version: a.version, Cluster: a.cluster,
		WithoutMap: a.mapless, Shared: kept.Kind == store.Postgres,
	}
	if kept.Problem != "" && kept.Kind == store.Postgres {
		basis.Notes = append(basis.Notes, "the map is as of "+kept.Contact.UTC().Format(time.RFC3339)+": its store fails ("+kept.Problem+")")
	}
	for _, agent := range a.agents.Agents() {
		basis.Acknowledged += agent.Acknowledged
		basis.Dropped += agent.Dropped()
	}
	return basis
}

// Edges implements query.Source.
func (a answers) Edges(filter graph.Filter) []graph.Edge { return a.graph.View(filter) }

// At implements query.Source.
func (a answers) At(t time.Time, filter graph.Filter) []graph.Edge {
	return a.graph.At(t, time.Now(), filter)
}

// Changes implements query.Source.
func (a answers) Changes(p query.Period, filter graph.Filter) query.Changes {
	changes, same := a.graph.Between(p.From, p.To, time.Now(), filter)
	return query.Changes{Changes: changes, Same: same}
}

// Reset implements query.Source.
func (a answers) Reset(ctx context.Context, namespaces []string) (int, error) {
	return a.journal.Reset(ctx, namespaces)
}

// Labelled implements query.Source.
func (a answers) Labelled(labels []query.Label) map[identity.Workload]bool {
	return labelled(a.world.Current(), labels)
}

// labelled returns the workloads of which a pod has one of the labels.
func labelled(snapshot *cluster.Snapshot, labels []query.Label) map[identity.Workload]bool {
	found := make(map[identity.Workload]bool)
	for _, name := range snapshot.Namespaces() {
		space, _ := snapshot.Space(name)
		for _, pod := range space.Pods() {
			if slices.ContainsFunc(labels, func(l query.Label) bool { return l.On(pod.Labels) }) {
				who, _ := space.WorkloadOf(pod.Name)
				found[who] = true
			}
		}
	}
	delete(found, identity.Workload{}) // who is outside has none
	return found
}

// Status implements query.Source.
func (a answers) Status() query.Status {
	unreadable := a.world.Unreadable() // before the picture: what is repaired in between is in the picture
	snapshot, world := a.world.Current(), a.world.Status()
	status := query.Status{
		Version: a.version, Started: a.started, Edges: a.graph.Len(), Synced: world.Synced, Leading: a.leading(),
		Refusals: a.refusals(), Intents: countIntents(snapshot, unreadable), Failing: a.tally.Failing(), WithoutMap: a.mapless,
	}
	if !a.mapless {
		status.Store = describeStore(a.journal.State())
		status.Nodes, status.Joined = namesOf(snapshot.Nodes())
	}
	for _, agent := range a.agents.Agents() {
		status.Agents = append(status.Agents, describeAgent(agent))
	}
	for _, kind := range world.Kinds {
		if kind.Error != "" {
			status.Notes = append(status.Notes, fmt.Sprintf("%s cannot be watched: %s", kind.Kind, kind.Error))
		}
	}
	if note := ownerNote(world.Owners); note != "" {
		status.Notes = append(status.Notes, note)
	}
	status.Notes = append(status.Notes, unreadableNotes(unreadable)...)
	status.Notes = append(status.Notes, fullNotes(a.graph)...)
	return status
}

// namesOf returns the names of nodes in their order, and when each joined.
func namesOf(nodes []*cluster.Node) (names []string, joined map[string]time.Time) {
	joined = make(map[string]time.Time, len(nodes))
	for _, node := range nodes {
		names = append(names, node.Name)
		joined[node.Name] = node.Created
	}
	return names, joined
}

func describeStore(s store.State) query.Store {
	return query.Store{
		Kind: string(s.Kind), Target: s.Target, Problem: s.Problem, Since: s.Since, Notes: s.Notes, Began: s.Began,
		Contact: s.Contact, Waiting: s.Waiting,
	}
}

func (a answers) leading() bool {
	select {
	case <-a.elected:
		return true
	default:
		return false
	}
}

func describeAgent(a wire.AgentState) query.Agent {
	out := query.Agent{
		Node: a.Node, Pod: a.Pod, Version: a.Version, LastSeen: a.LastSeen, Skew: a.Skew.Round(time.Millisecond),
		Acknowledged: a.Acknowledged, Dropped: a.Dropped(), Blind: a.Blind(),
	}
	for _, source := range a.Sources {
		if source.Message != "" || !source.Running {
			out.Degraded = append(out.Degraded, cmp.Or(source.Message, source.Source+" does not run"))
		}
	}
	slices.Sort(out.Degraded)
	out.Degraded = slices.Compact(out.Degraded)
	if n := a.Unknown.Fields; n > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d unknown fields of its reports were ignored and all else was taken: %s (an operator of the agent's version knows them)",
			n, strings.Join(a.Unknown.Names, ", ")))
	}
	return out
}

func (a answers) refusals() []query.Refusal {
	var all []query.Refusal
	for _, count := range a.intake.Ledger.Counts() {
		all = append(all, query.Refusal{
			Reason: string(count.Reason), Source: string(count.Source), Count: count.Count,
			Example: resolve.Describe(count.Newest), Meaning: count.Reason.Meaning(),
		})
	}
	return all
}

// Refused implements query.Source.
func (a answers) Refused(m query.Missing) []query.Refused {
	side := func(s query.Side) resolve.Side {
		return resolve.Side{Workload: s.Workload, Name: s.Host, Addr: s.Addr, Outside: s.Outside}
	}
	question := resolve.Question{From: side(m.From), To: side(m.To), Port: m.Port, Protocol: m.Protocol}
	var all []query.Refused
	for _, r := range a.intake.Resolver.Fitting(a.world.Current(), a.intake.Ledger, question, query.RefusedLimit) {
		all = append(all, query.Refused{
			Reason: string(r.Reason), Source: string(r.Sighting.Source), Last: r.Sighting.Last, Count: r.Sighting.Count,
			Sighting: resolve.Describe(r.Sighting), Meaning: r.Reason.Meaning(),
		})
	}
	return all
}

// ownerNote tells of pods whose traffic waits because an owner cannot be read; empty when there are none.
func ownerNote(o live.OwnerStatus) string {
	if o.Error == "" {
		return ""
	}
	return fmt.Sprintf("%d owners of pods cannot be read, and the traffic of these pods waits: %s", o.Unresolved, o.Error)
}
