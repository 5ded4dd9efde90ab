// Package verdict holds a conversation against a set of NetworkPolicies: may it pass, by which rule, and if not, what is
// missing.
//
// It is pure, and a witness: it is written from the semantics of the Kubernetes API alone and must not share code with
// the compilers that make policies, so that each proves the other.
package verdict

import (
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Question asks whether Client may open a connection to Server. A workload means each of its pods, so that the answer
// holds for all of them.
type Question struct {
	Client, Server identity.Workload // zero for a side outside the cluster
	// ClientPod and ServerPod narrow a workload to one pod. Empty means all of them.
	ClientPod, ServerPod string
	// ClientAddr and ServerAddr are the addresses of a side outside. A side without workload and address is somewhere
	// outside, and nothing is known of its address.
	ClientAddr, ServerAddr netip.Addr
	Port                   int32            // of the server's pod, behind every translation; 0 when it is not known
	Protocol               traffic.Protocol // empty means TCP, or any protocol when Port is 0
}

// Outcome is the answer to a question.
type Outcome string

// The outcomes, from the best to the worst that a set of pairs of pods can have.
const (
	Allowed   Outcome = "allowed"
	Uncertain Outcome = "uncertain" // what is known of the cluster does not decide it
	Blocked   Outcome = "blocked"
)

// Cause says why an outcome is what it is. The texts are stable.
type Cause string

// The causes of the outcome Allowed.
const (
	NotIsolated   Cause = "NotIsolated"   // no policy isolates the subject in this direction
	Admitted      Cause = "Admitted"      // a rule admits the conversation
	NotSelectable Cause = "NotSelectable" // the subject is no pod, or on the host network: policies do not isolate it
	OwnNode       Cause = "OwnNode"       // traffic between a pod and its own node is always allowed
	SamePod       Cause = "SamePod"       // a pod always reaches itself
)

// The cause of the outcome Blocked.
const (
	NotAdmitted Cause = "NotAdmitted" // policies isolate the subject and none of their rules admits the conversation
)

// The causes of the outcome Uncertain.
const (
	HostNetwork   Cause = "HostNetwork"   // a rule selects the other side, but plug-ins differ on pods on the host network
	UnknownAddr   Cause = "UnknownAddr"   // it depends on the address of the other side, which is not known
	UnknownPort   Cause = "UnknownPort"   // it depends on the port, which is not known
	AddressFamily Cause = "AddressFamily" // IPv4 passes and IPv6 does not, or the other way round
	NoPods        Cause = "NoPods"        // a workload of the question has neither pods nor a pod template
	Unsupported   Cause = "Unsupported"   // a policy holds something that the API server would refuse
)

// Verdict is the answer with its reasons. Of several pairs of pods it tells of the worst, and of equals of the first by
// name.
type Verdict struct {
	Outcome              Outcome
	Cause                Cause
	Checks               []Check // ingress of the server, then egress of the client; none when no pair was judged
	ClientPod, ServerPod string  // the pair; empty for a side that is no pod
	Missing              []Missing
}

// Check is the answer of one direction: that of the policies that isolate one side.
type Check struct {
	Direction policy.Direction
	Outcome   Outcome
	Cause     Cause
	// By names the rule that admits; where none does, the policies that isolate, sorted.
	By []Rule
}

// Rule names a rule of a policy.
type Rule struct {
	Namespace, Name string
	Index           int // into spec.ingress or spec.egress; -1 means the policy as a whole
}

// Missing is a permission that would let the conversation pass in one direction.
type Missing struct {
	Direction  policy.Direction
	Permission policy.Permission
}

// Judge answers one question. For many questions about the same policies, make a Court once.
func Judge(snapshot *cluster.Snapshot, policies []*networkingv1.NetworkPolicy, q Question) Verdict {
	return NewCourt(snapshot, policies).Judge(q)
}

func rank(o Outcome) int {
	switch o {
	case Allowed:
		return 0
	case Uncertain:
		return 1
	default:
		return 2
	}
}
