package policy

import (
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// Ruling is everything decided about one subject: a workload, or a Service that a declaration or ProtectedService names.
//
// In and Out hold what is allowed in every mode; the modes say whether it is written. A Ruling of Decide does not yet
// know what is in the cluster: Given adds that, and only then Isolates may be asked.
type Ruling struct {
	Subject         identity.Workload
	Ingress, Egress Mode

	// IngressWhy and EgressWhy say why a direction is not enforced. They are empty where it is.
	IngressWhy, EgressWhy v2beta1.TargetReason

	// In is who may call the subject: the declared callers of the subject itself (Server is the subject), then those of
	// other subjects that share a pod with it and are in shadow (Server is the other one), then implied permissions
	// (Because.Rule is set), each in the order in which the rules are written.
	In []Permission

	// Out is whom the subject may call: workloads, Services by name, the API server, addresses, then DNS (Because.Rule G6).
	// It is empty for a subject without a ClientIntents in use.
	Out []Permission

	// Because says what the policy of the subject comes from, sorted, as "ClientIntents shop/checkout" or "M1 Service
	// shop/web"; only of directions that are enforced.
	Because []string

	// Holds are the targets for which the first restriction of egress waits. Held says that it does wait.
	Holds []Hold
	Held  bool

	// PodLabel is the value of the label portolan.dev/workload that the subject's pods need because their own labels do
	// not select exactly them and a policy mentions them; empty when they need none.
	PodLabel string

	// Unready says why the subject cannot be computed now; what is in the cluster must stay as it is. Empty when it can.
	Unready string

	Findings []Finding // about pods of the subject

	isolating   []Because // the declarations and ProtectedServices that name the subject
	restricting []Because // the ClientIntents in use for the subject
}

// Hold is a target that cannot be a rule, so that a client which is not restricted yet stays unrestricted.
type Hold struct {
	About  ObjectRef // the ClientIntents
	Target int
	Title  string // type and name of the target, as written
	Reason v2beta1.TargetReason
}

// Written is what is known about the objects of one subject in the cluster. The zero value says that there are none.
type Written struct {
	Ingress, Egress bool   // an object of Portolan isolates the subject in this direction
	Conflict        string // an object of the subject's name that is not Portolan's, "NetworkPolicy shop/portolan-web-deployment"
	Error           string // why the last write failed; empty when it did not
}

// Given returns the ruling in the light of what is already written: a client that is not restricted yet stays
// unrestricted while one of its targets cannot be a rule.
func (r Ruling) Given(w Written) Ruling {
	r.Held = r.Egress == ModeEnforce && len(r.Holds) > 0 && !w.Egress
	r.Because = r.because()
	return r
}

// Isolates reports whether a policy that isolates the subject in this direction is to be written.
func (r Ruling) Isolates(d Direction) bool {
	if d == Ingress {
		return r.Ingress == ModeEnforce
	}
	return r.Egress == ModeEnforce && !r.Held
}

// Desired is what should exist for one subject. Objects of Portolan for the subject that are not in it are to be deleted,
// unless Keep is set.
type Desired struct {
	Subject         identity.Workload
	NetworkPolicies []*networkingv1.NetworkPolicy // at most two; the caller owns them
	PodLabel        string                        // see Ruling
	Keep            bool                          // the subject cannot be computed: whatever exists stays, nothing is written
	Findings        []Finding
}

// Decide rules on one subject. It never fails: a subject of which nothing is known gets an empty ruling with mode none.
func Decide(snap *cluster.Snapshot, set Settings, subject identity.Workload) Ruling {
	m := matter{snap: snap, set: &set, who: subject, near: &near{}}
	r := Ruling{Subject: subject}
	r.Ingress, r.IngressWhy = m.ingressMode()
	r.Egress, r.EgressWhy = m.egressMode()
	r.In = m.in()
	r.Out, r.Unready = m.out()
	r.Holds = m.holds()
	r.isolating = append(m.protections(), m.namedBy()...)
	r.restricting = m.restrictions()
	r.PodLabel = m.podLabel()
	r.Findings = m.podFindings()
	r.Because = r.because()
	return r
}

// matter is one subject in its cluster and under its settings: what every rule of this room is asked about.
type matter struct {
	snap *cluster.Snapshot
	set  *Settings
	who  identity.Workload
	near *near // nil where it is asked about once
}

// about returns the same cluster and settings with another subject.
func (m matter) about(who identity.Workload) matter {
	return matter{snap: m.snap, set: m.set, who: who}
}
