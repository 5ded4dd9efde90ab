package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// Judgement is what a ClientIntents says about itself. Status has no transition times, no resolvedIPs and nothing about
// blocked traffic: others know those.
type Judgement struct {
	Status   v2beta1.ClientIntentsStatus
	Findings []Finding // for events, in a stable order
}

// Judge says what became of a ClientIntents and of each of its targets, whatever it holds. written is what is known
// about the objects of the subjects that Concerned lists; a subject that is absent from it has none.
func Judge(
	snap *cluster.Snapshot, set Settings, intents *v2beta1.ClientIntents, written map[identity.Workload]Written,
) Judgement {
	j := newJudge(snap, set, intents, written)
	status := v2beta1.ClientIntentsStatus{
		ObservedGeneration: intents.Generation,
		Mode:               j.mode(),
		TargetsSummary:     fmt.Sprintf("%d/%d", j.effective(), len(intents.Spec.Targets)),
		Targets:            j.targetStatuses(),
		Conditions:         j.conditions(),
	}
	ready := isTrue(status.Conditions, v2beta1.ConditionReady)
	status.UpToDate = &ready
	return Judgement{Status: status, Findings: j.findings()}
}

// Concerned returns the subjects on whose objects the status of a ClientIntents depends: its clients and the servers that
// its targets name, sorted.
func Concerned(snap *cluster.Snapshot, intents *v2beta1.ClientIntents) []identity.Workload {
	found := make(map[identity.Workload]struct{})
	for _, client := range clientsOf(snap, intents) {
		found[client] = struct{}{}
	}
	for _, meant := range targets([]*v2beta1.ClientIntents{intents}) {
		for _, server := range meant.servers(snap) {
			found[server] = struct{}{}
		}
	}
	return slices.SortedFunc(maps.Keys(found), identity.Compare)
}

// judge is one ClientIntents with everything that its status depends on. states is empty where an obstacle keeps the
// object as a whole from being used.
type judge struct {
	snap    *cluster.Snapshot
	set     *Settings
	intents *v2beta1.ClientIntents
	written map[identity.Workload]Written

	clients  []identity.Workload
	holds    []Hold // that keep a client of the object unrestricted
	obstacle obstacle
	states   []state
}

func newJudge(
	snap *cluster.Snapshot, set Settings, intents *v2beta1.ClientIntents, written map[identity.Workload]Written,
) *judge {
	j := &judge{snap: snap, set: &set, intents: intents, written: written, clients: clientsOf(snap, intents)}
	if j.obstacle = j.firstObstacle(); j.obstacle.reason != "" {
		return j
	}
	for _, client := range j.clients {
		j.holds = append(j.holds, j.heldBy(client)...)
	}
	for i := range intents.Spec.Targets {
		j.states = append(j.states, j.target(i))
	}
	return j
}

// about returns the case of one subject.
func (j *judge) about(who identity.Workload) matter {
	return matter{snap: j.snap, set: j.set, who: who}
}

// heldBy returns the targets that keep a client unrestricted, none where it may be or is restricted.
func (j *judge) heldBy(client identity.Workload) []Hold {
	m := j.about(client)
	if mode, _ := m.egressMode(); mode != ModeEnforce || j.written[client].Egress {
		return nil
	}
	return m.holds()
}

// obstacle is why a ClientIntents as a whole is not used; an empty reason says that it is.
type obstacle struct {
	reason  string // of Ready=False
	message string
	winner  *v2beta1.ClientIntents // that is used instead
}

func (j *judge) firstObstacle() obstacle {
	for _, check := range []func(*judge) obstacle{
		specIsInvalid,        // an old object without spec names no client
		clientIsService,      // a Service calls nobody
		clientIsTakenAlready, // an older object declares for the same client
	} {
		if found := check(j); found.reason != "" {
			return found
		}
	}
	return obstacle{}
}

func specIsInvalid(j *judge) obstacle {
	if j.intents.Spec.Workload.Name != "" {
		return obstacle{}
	}
	return obstacle{reason: v2beta1.ReasonInvalidSpec, message: "spec.workload.name is missing: name the workload that calls"}
}

func clientIsService(j *judge) obstacle {
	if j.intents.Spec.Workload.Kind != identity.KindService {
		return obstacle{}
	}
	return obstacle{
		reason:  v2beta1.ReasonClientKindNotSupported,
		message: "a client is a workload: name the workload behind the Service, for example kind Deployment",
	}
}

func clientIsTakenAlready(j *judge) obstacle {
	space, known := j.snap.Space(j.intents.Namespace)
	if !known || isProposal(j.intents) {
		return obstacle{}
	}
	winner := used(space, j.intents)
	if winner == nil || winner.Name == j.intents.Name {
		return obstacle{}
	}
	return obstacle{
		reason: v2beta1.ReasonConflict,
		message: fmt.Sprintf("%s already declares intents for %s; this object is not used",
			winner.Name, clientTitle(j.intents)),
		winner: winner,
	}
}

// clientTitle names the client of a ClientIntents for people: "Deployment shop/checkout".
func clientTitle(intents *v2beta1.ClientIntents) string {
	kind := intents.Spec.Workload.Kind
	if kind == "" {
		kind = "workload"
	}
	return fmt.Sprintf("%s %s/%s", kind, intents.Namespace, intents.Spec.Workload.Name)
}

// mode returns the mode that holds for the client, with or without egress.
func (j *judge) mode() v2beta1.Mode {
	switch {
	case isProposal(j.intents):
		return v2beta1.ModeShadow
	case j.set.enforces(j.intents.Namespace) || asksToEnforce(j.intents):
		return v2beta1.ModeEnforce
	}
	for _, client := range j.clients {
		if slices.ContainsFunc(intentsFor(j.snap, client), asksToEnforce) {
			return v2beta1.ModeEnforce
		}
	}
	return v2beta1.ModeShadow
}

// effective counts the targets in state Enforced or Shadow.
func (j *judge) effective() int {
	count := 0
	for _, s := range j.states {
		if s.state == v2beta1.TargetStateEnforced || s.state == v2beta1.TargetStateShadow {
			count++
		}
	}
	return count
}

func (j *judge) targetStatuses() []v2beta1.TargetStatus {
	var found []v2beta1.TargetStatus
	for i, s := range j.states {
		t := j.intents.Spec.Targets[i]
		kind, _ := t.Type()
		found = append(found, v2beta1.TargetStatus{
			Index: int32(i), Type: kind, Name: t.Title(), State: s.state, Reason: s.reason, Message: s.message,
		})
	}
	return found
}
