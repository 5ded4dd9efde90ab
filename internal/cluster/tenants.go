package cluster

import (
	"net/netip"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
)

// tenants is where pods are found: by address, by UID, and on the hosts whose network they use.
type tenants struct {
	leases    index[netip.Addr, []Lease]  // in the order in which their pods were made
	byUID     index[string, Tenant]       // pods that exist
	former    index[string, former]       // pods that are gone
	onHosts   index[netip.Addr, []Tenant] // pods on the host network, by the addresses of their nodes
	hostPorts index[HostPort, []Tenant]   // pods that ask for a port of their node
}

// HostPort is a port of a node.
type HostPort struct {
	Node     string
	Port     uint16
	Protocol traffic.Protocol
}

// former is a pod that is gone.
type former struct {
	Tenant

	gone time.Time
}

// maxFormer is how many former pods one shard remembers; beyond it the earliest are forgotten before their time.
const maxFormer = 256

// tenancy makes the next version of tenants. It belongs to one goroutine.
type tenancy struct {
	now       time.Time // ends what pods that are gone held
	leases    *editor[netip.Addr, []Lease]
	byUID     *editor[string, Tenant]
	former    *editor[string, former]
	onHosts   *editor[netip.Addr, []Tenant]
	hostPorts *editor[HostPort, []Tenant]
}

func (t *tenants) edit(now time.Time) *tenancy {
	return &tenancy{
		now: now, leases: t.leases.edit(), byUID: t.byUID.edit(), former: t.former.edit(), onHosts: t.onHosts.edit(),
		hostPorts: t.hostPorts.edit(),
	}
}

func (t *tenancy) done() tenants {
	return tenants{
		leases: t.leases.done(), byUID: t.byUID.done(), former: t.former.done(), onHosts: t.onHosts.done(),
		hostPorts: t.hostPorts.done(),
	}
}

// move brings the tenants from the pods of before to those of after. Either may be nil. A pod that is the same value in
// both, of the same workload, costs nothing.
func (t *tenancy) move(before, after *running) {
	if before == after {
		return
	}
	for name, was := range before.all() {
		is, known := after.member(name)
		switch {
		case known && is == was:
		case known && is.Pod.UID == was.Pod.UID:
			t.change(was, is)
		default:
			t.leave(was)
		}
	}
	for name, is := range after.all() {
		was, known := before.member(name)
		if !known || is != was {
			t.enter(is)
		}
	}
}

// change takes from a pod what it has no more.
func (t *tenancy) change(was, is Tenant) {
	end := t.now
	if ended := is.Pod.Ended; !ended.IsZero() && ended.Before(end) {
		end = ended
	}
	for _, addr := range was.Pod.ownAddresses() {
		if !slices.Contains(is.Pod.ownAddresses(), addr) {
			setList(t.leases, addr, t.endedBy(addr, was.Pod.UID, end))
		}
	}
	t.quit(was.Pod)
}

func (t *tenancy) leave(was Tenant) {
	for _, addr := range was.Pod.ownAddresses() {
		setList(t.leases, addr, t.endedBy(addr, was.Pod.UID, t.now))
	}
	t.quit(was.Pod)
	for _, uid := range was.Pod.uids() {
		t.byUID.forget(uid)
		t.former.set(uid, former{Tenant: was, gone: t.now})
		t.makeRoom(uid)
	}
}

// makeRoom forgets the former pod that is gone longest when there are too many beside uid.
func (t *tenancy) makeRoom(uid string) {
	shard := *t.former.open(uid)
	if len(shard) <= maxFormer {
		return
	}
	oldest := uid
	for other, f := range shard {
		if f.gone.Before(shard[oldest].gone) {
			oldest = other
		}
	}
	delete(shard, oldest)
}

// quit takes from a pod what it has of its node.
func (t *tenancy) quit(p *Pod) {
	theirs := func(m Tenant) bool { return m.Pod.UID == p.UID }
	for addr := range p.hostAddresses() {
		setList(t.onHosts, addr, slices.DeleteFunc(slices.Clone(t.onHosts.at(addr)), theirs))
	}
	for port := range p.hostPorts() {
		setList(t.hostPorts, port, slices.DeleteFunc(slices.Clone(t.hostPorts.at(port)), theirs))
	}
}

// enter gives a pod what it has.
func (t *tenancy) enter(is Tenant) {
	for _, addr := range is.Pod.ownAddresses() {
		setList(t.leases, addr, entered(t.leases.at(addr), is, t.now))
	}
	for _, uid := range is.Pod.uids() {
		t.byUID.set(uid, is)
	}
	for addr := range is.Pod.hostAddresses() {
		t.onHosts.set(addr, joined(t.onHosts.at(addr), is))
	}
	for port := range is.Pod.hostPorts() {
		t.hostPorts.set(port, joined(t.hostPorts.at(port), is))
	}
}

// joined returns list with m, in the order of namespaces and names.
func joined(list []Tenant, m Tenant) []Tenant {
	list = append(slices.DeleteFunc(slices.Clone(list), func(o Tenant) bool { return o.Pod.UID == m.Pod.UID }), m)
	slices.SortFunc(list, func(a, b Tenant) int { return comparePods(a.Pod, b.Pod) })
	return list
}

// forgotten returns t without what ended longer than LeaseRetention before now.
func (t *tenants) forgotten(now time.Time) tenants {
	edit := t.edit(now)
	for addr, list := range t.leases.all() {
		if slices.ContainsFunc(list, func(l Lease) bool { return isOver(l.To, now) }) {
			setList(edit.leases, addr, settled(slices.Clone(list), now))
		}
	}
	for uid, f := range t.former.all() {
		if isOver(f.gone, now) {
			edit.former.forget(uid)
		}
	}
	return edit.done()
}
