package verdict

import (
	"net/netip"
	"slices"

	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Judge answers a question: blocked if any pair of pods is, uncertain if any pair is and none is blocked, else allowed.
func (c *Court) Judge(q Question) Verdict {
	if q.Protocol == "" && q.Port != 0 {
		q.Protocol = traffic.TCP
	}
	clients := c.crowd(side{who: q.Client, pod: q.ClientPod, addr: q.ClientAddr})
	servers := c.crowd(side{who: q.Server, pod: q.ServerPod, addr: q.ServerAddr})
	worst := Verdict{Outcome: Uncertain, Cause: NoPods}
	judged := false
	for _, client := range clients.facing(servers) {
		for _, server := range servers.facing(clients) {
			v := judgePair(client, server, &q)
			if !judged || worst.Cause == SamePod || rank(v.Outcome) > rank(worst.Outcome) {
				worst, judged = v, true
			}
			if worst.Outcome == Blocked {
				worst.Missing = missing(&q, worst.Checks)
				return worst
			}
		}
	}
	return worst
}

// judgePair answers for one pair: the server's ingress and the client's egress must both allow.
func judgePair(client, server *actor, q *Question) Verdict {
	v := Verdict{Outcome: Allowed, ClientPod: client.name, ServerPod: server.name}
	if client.is(server) {
		if server.twin == "" {
			v.Cause = SamePod
			return v
		}
		v.ServerPod = server.twin
	}
	v.Checks = []Check{
		judgeSide(policy.Ingress, server, client, server, q),
		judgeSide(policy.Egress, client, server, server, q),
	}
	decisive := v.Checks[0]
	if v.Checks[1].moreTelling(decisive) {
		decisive = v.Checks[1]
	}
	v.Outcome, v.Cause = decisive.Outcome, decisive.Cause
	return v
}

// moreTelling reports whether a says more about a pair than b: the worse outcome does, and of allowed ones that for
// which somebody wrote a rule.
func (a Check) moreTelling(b Check) bool {
	if a.Outcome != b.Outcome {
		return rank(a.Outcome) > rank(b.Outcome)
	}
	order := []Cause{NotSelectable, NotIsolated, OwnNode, Admitted}
	return slices.Index(order, a.Cause) > slices.Index(order, b.Cause)
}

// judgeSide answers for one direction: subject is whom policies may isolate, other the side that they speak of.
func judgeSide(d policy.Direction, subject, other, server *actor, q *Question) Check {
	check := Check{Direction: d, Outcome: Allowed}
	holds := subject.ingress
	if d == policy.Egress {
		holds = subject.egress
	}
	switch {
	case !subject.isolable():
		check.Cause = NotSelectable
		return check
	case len(holds) == 0:
		check.Cause = NotIsolated
		return check
	case onOwnNode(subject, other):
		check.Cause = OwnNode
		return check
	}
	talk := conversation{server: server, other: other, port: q.Port, protocol: q.Protocol}
	if !slices.ContainsFunc(holds, func(h hold) bool { return h.policy.blocks }) {
		return judgeAddr(check, holds, &talk)
	}
	for i, addr := range sharedAddrs(subject, other) {
		talk.addr = addr
		next := judgeAddr(check, holds, &talk)
		switch {
		case i == 0:
			check = next
		case next.Outcome != check.Outcome:
			if rank(next.Outcome) > rank(check.Outcome) {
				check.By = next.By
			}
			check.Outcome, check.Cause = Uncertain, AddressFamily
		}
	}
	return check
}

// onOwnNode reports whether the other side is the node that the pod runs on. Source: the documentation of network
// policies: traffic to and from the node where a pod is running is always allowed.
func onOwnNode(pod, other *actor) bool {
	return pod.node != "" && pod.node == other.node && (other.host || !other.isPod())
}

// sharedAddrs returns the addresses of other that the subject may talk to: those of its own families. There is always one,
// invalid when none is known.
func sharedAddrs(subject, other *actor) []netip.Addr {
	var shared []netip.Addr
	for _, addr := range other.addrs {
		if len(subject.addrs) == 0 || hasFamily(subject.addrs, addr.Is4()) {
			shared = append(shared, addr)
		}
	}
	switch {
	case len(shared) > 0:
		return shared
	case len(other.addrs) > 0:
		return other.addrs
	default:
		return []netip.Addr{{}}
	}
}

func hasFamily(addrs []netip.Addr, is4 bool) bool {
	for _, addr := range addrs {
		if addr.Is4() == is4 {
			return true
		}
	}
	return false
}

// judgeAddr asks every rule of the policies that isolate the subject. One that fits is enough.
func judgeAddr(check Check, holds []hold, talk *conversation) Check {
	best, isolated := surely(no), no
	check.By = nil
	for _, h := range holds {
		isolated = max(isolated, h.sure)
		rules := h.policy.rules(check.Direction)
		for i := range rules {
			found := rules[i].fits(h.policy.namespace, talk)
			if h.sure == maybe && found.match == yes {
				found = depends(Unsupported) // whether this policy selects the subject at all is not certain
			}
			if found.match == yes {
				check.Outcome, check.Cause = Allowed, Admitted
				check.By = []Rule{{Namespace: h.policy.namespace, Name: h.policy.name, Index: i}}
				return check
			}
			best = best.or(found)
		}
		check.By = append(check.By, Rule{Namespace: h.policy.namespace, Name: h.policy.name, Index: -1})
	}
	switch {
	case best.match == maybe:
		check.Outcome, check.Cause = Uncertain, best.cause
	case isolated == maybe:
		check.Outcome, check.Cause = Uncertain, Unsupported
	default:
		check.Outcome, check.Cause = Blocked, NotAdmitted
	}
	return check
}

// missing returns what would have to be allowed, direction by direction.
func missing(q *Question, checks []Check) []Missing {
	var all []Missing
	for _, check := range checks {
		if check.Outcome != Blocked {
			continue
		}
		permission := policy.Permission{Client: q.Client, Server: q.Server, Because: policy.Because{Target: -1}}
		if q.Port != 0 {
			permission.Ports = []policy.Port{{Protocol: q.Protocol, Number: q.Port}}
		}
		if q.Server.IsZero() && q.ServerAddr.IsValid() {
			permission.Internet = []netip.Prefix{netip.PrefixFrom(q.ServerAddr, q.ServerAddr.BitLen())}
		}
		all = append(all, Missing{Direction: check.Direction, Permission: permission})
	}
	return all
}
