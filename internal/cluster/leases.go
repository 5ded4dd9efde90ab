package cluster

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/identity"
)

// Lease says that a pod held an address from From, inclusive, to To, exclusive. To is zero while it holds it.
type Lease struct {
	Namespace, Pod, UID string
	Node                string
	Workload            identity.Workload
	From, To            time.Time
	waited              time.Duration // how long before From the pod was made: the lease of an older pod had to end first
}

// LeaseRetention is how long an ended lease stays, for sightings that arrive late.
const LeaseRetention = time.Hour

// maxLeases is how many leases one address keeps; beyond it the earliest are forgotten before their time.
const maxLeases = 64

// Held reports whether the lease holds at that moment.
func (l Lease) Held(at time.Time) bool {
	return !at.Before(l.From) && (l.To.IsZero() || at.Before(l.To))
}

// moveLeases brings leases from the pods of before to those of after. Either may be nil.
func moveLeases(leases *editor[Lease], before, after *running, now time.Time) {
	if before == after {
		return
	}
	for _, was := range before.all() {
		is, same := after.member(was.pod.Name)
		same = same && is.pod.UID == was.pod.UID
		for _, addr := range held(was.pod) {
			if !same || !slices.Contains(held(is.pod), addr) {
				leases.set(addr, endedBy(leases.at(addr), was.pod.UID, now))
			}
		}
	}
	for name, is := range after.all() {
		if was, known := before.member(name); known && was.sameLease(is) {
			continue
		}
		for _, addr := range held(is.pod) {
			leases.set(addr, entered(leases.at(addr), leaseOf(is), now))
		}
	}
}

// held returns the addresses that a pod holds by itself.
func held(p *Pod) []netip.Addr {
	if p.HostNetwork {
		return nil
	}
	return p.IPs
}

// sameLease reports whether nothing that a lease says changed from m to is.
func (m member) sameLease(is member) bool {
	if m.pod == is.pod {
		return *m.of == *is.of
	}
	return slices.Equal(held(m.pod), held(is.pod)) && leaseOf(m) == leaseOf(is)
}

func leaseOf(m member) Lease {
	p := m.pod
	return Lease{
		Namespace: p.Namespace, Pod: p.Name, UID: p.UID, Node: p.Node, Workload: *m.of,
		From: p.Created, To: p.Ended,
	}
}

// endedBy ends the lease of a pod at now unless it ended before.
func endedBy(list []Lease, uid string, now time.Time) []Lease {
	list = slices.Clone(list)
	for i := range list {
		if list[i].UID == uid && (list[i].To.IsZero() || list[i].To.After(now)) {
			list[i].To = now
		}
	}
	return settled(list, now)
}

// entered puts a lease in place of the pod's earlier one.
func entered(list []Lease, lease Lease, now time.Time) []Lease {
	others := slices.DeleteFunc(slices.Clone(list), func(o Lease) bool { return o.UID == lease.UID })
	return settled(append(others, lease), now)
}

// settled brings the leases of one address into order, forgets old ones, and lets each begin when its pod was made or
// when the lease of an older pod ended, whichever is later. It changes list.
func settled(list []Lease, now time.Time) []Lease {
	list = slices.DeleteFunc(list, func(l Lease) bool { return l.expired(now) })
	slices.SortFunc(list, func(a, b Lease) int { return cmp.Or(a.made().Compare(b.made()), cmp.Compare(a.UID, b.UID)) })
	if len(list) > maxLeases {
		list = list[len(list)-maxLeases:]
	}
	for i := range list {
		list[i].begin(list[:i])
	}
	return list
}

// made returns when the pod of the lease was made.
func (l Lease) made() time.Time { return l.From.Add(-l.waited) }

// begin sets From, given the leases of the pods that were made before.
func (l *Lease) begin(before []Lease) {
	made := l.made()
	l.From = made
	for _, older := range before {
		if older.made().Before(made) && older.To.After(l.From) {
			l.From = older.To
		}
	}
	l.waited = l.From.Sub(made)
}

func (l Lease) expired(now time.Time) bool { return !l.To.IsZero() && now.Sub(l.To) > LeaseRetention }
