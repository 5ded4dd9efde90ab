package cluster

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Lease says that a pod held an address from From, inclusive, to To, exclusive. To is zero while it holds it.
type Lease struct {
	Tenant

	From, To time.Time

	missed time.Time // when it was found to have ended while nobody looked, some time after To; zero where the end was seen
}

// LeaseRetention is how long an ended lease stays, for sightings that arrive late.
const LeaseRetention = time.Hour

// maxLeases is how many leases one address keeps; beyond it the earliest are forgotten before their time.
const maxLeases = 64

// Held reports whether the lease holds at that moment.
func (l *Lease) Held(at time.Time) bool { return held(l.From, l.To, at) }

func held(from, to, at time.Time) bool {
	return !at.Before(from) && (to.IsZero() || at.Before(to))
}

// endedBy returns the leases of an address when that of a pod has ended at end, unless it ended before.
func (t *tenancy) endedBy(addr netip.Addr, uid string, end time.Time) []Lease {
	list := slices.Clone(t.leases.at(addr))
	for i := range list {
		if list[i].Pod.UID == uid && (list[i].To.IsZero() || list[i].To.After(end)) {
			list[i].To = end
		}
	}
	return settled(list, t.now)
}

// entered puts the lease of a pod in place of its earlier one.
func entered(list []Lease, m Tenant, now time.Time) []Lease {
	others := slices.DeleteFunc(slices.Clone(list), func(o Lease) bool { return o.Pod.UID == m.Pod.UID })
	return settled(append(others, Lease{Tenant: m, From: m.Pod.Created, To: m.Pod.Ended}), now)
}

// settled brings the leases of one address into order, forgets old ones, and lets each begin when its pod was made or
// when the lease of an older pod ended, whichever is later. It changes list.
func settled(list []Lease, now time.Time) []Lease {
	list = slices.DeleteFunc(list, func(l Lease) bool { return isOver(l.To, now) })
	slices.SortFunc(list, func(a, b Lease) int {
		return cmp.Or(a.Pod.Created.Compare(b.Pod.Created), cmp.Compare(a.Pod.UID, b.Pod.UID))
	})
	if len(list) > maxLeases {
		list = list[len(list)-maxLeases:]
	}
	for i := range list {
		list[i].begin(list[:i])
	}
	return slices.Clip(list)
}

// begin sets From, given the leases of the pods that were made before.
func (l *Lease) begin(before []Lease) {
	l.From = l.Pod.Created
	for i := range before {
		if older := &before[i]; older.Pod.Created.Before(l.Pod.Created) && older.passed(l.Pod).After(l.From) {
			l.From = older.passed(l.Pod)
		}
	}
}

// passed returns from when on a younger pod can have had the address. A pod that was there already while this one is known to
// have held it got it when nobody looked: it is known to have it from the next look on.
func (l *Lease) passed(younger *Pod) time.Time {
	if !l.missed.IsZero() && younger.Created.Before(l.To) {
		return l.missed
	}
	return l.To
}

// isOver reports whether what ended at that moment is no longer remembered.
func isOver(to, now time.Time) bool { return !to.IsZero() && now.Sub(to) > LeaseRetention }

// Host says that a node had an address from From, inclusive, to To, exclusive. To is zero while it has it.
type Host struct {
	Node     string
	From, To time.Time
}

// Held reports whether the node had the address at that moment.
func (h Host) Held(at time.Time) bool { return held(h.From, h.To, at) }

// moveHosts brings the addresses of nodes from before to after.
func moveHosts(hosts *editor[netip.Addr, []Host], before, after map[string]*Node, now time.Time) {
	for name, was := range before {
		is := after[name]
		if is == was {
			continue
		}
		for _, addr := range was.Addresses {
			if is == nil || !slices.Contains(is.Addresses, addr) {
				setList(hosts, addr, departed(hosts.at(addr), name, now))
			}
		}
	}
	for name, is := range after {
		if before[name] == is {
			continue
		}
		for _, addr := range is.Addresses {
			setList(hosts, addr, arrived(hosts.at(addr), is, now))
		}
	}
}

// departed ends what a node has now.
func departed(list []Host, node string, now time.Time) []Host {
	list = slices.Clone(list)
	for i := range list {
		if list[i].Node == node && list[i].To.IsZero() {
			list[i].To = now
		}
	}
	return recent(list, now)
}

// arrived lets a node have an address from its creation on. It stays with one that it has already.
func arrived(list []Host, n *Node, now time.Time) []Host {
	if slices.ContainsFunc(list, func(h Host) bool { return h.Node == n.Name && h.To.IsZero() }) {
		return list
	}
	return recent(append(slices.Clone(list), Host{Node: n.Name, From: n.Created}), now)
}

// recent forgets what is old, and the earliest where there is too much. It changes list.
func recent(list []Host, now time.Time) []Host {
	list = slices.DeleteFunc(list, func(h Host) bool { return isOver(h.To, now) })
	return slices.Clip(list[max(0, len(list)-maxLeases):])
}
