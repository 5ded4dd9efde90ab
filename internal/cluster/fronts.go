package cluster

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// fronts is where Services are found by what clients connect to.
type fronts struct {
	addresses index[netip.Addr, []Front]
	nodePorts index[NodePortKey, []*Service]
}

// Front says that a Service had an address from From, inclusive, to To, exclusive. To is zero while it has it.
type Front struct {
	Service  *Service // as it was known last
	From, To time.Time
	// Border marks an address of a load balancer or of spec.externalIPs. Several Services may share one, told apart by
	// their ports. The others are ClusterIPs, which have one Service at a time.
	Border bool

	behind []identity.Workload // who was behind it in the end; set with To
}

// Held reports whether the Service had the address at that moment.
func (f *Front) Held(at time.Time) bool { return held(f.From, f.To, at) }

// NodePortKey is a port that a Service has on every node.
type NodePortKey struct {
	Port     uint16
	Protocol traffic.Protocol
}

// reception makes the next version of fronts. It belongs to one goroutine.
type reception struct {
	now       time.Time // ends what Services that are gone had
	addresses *editor[netip.Addr, []Front]
	nodePorts *editor[NodePortKey, []*Service]
}

func (f *fronts) edit(now time.Time) *reception {
	return &reception{now: now, addresses: f.addresses.edit(), nodePorts: f.nodePorts.edit()}
}

func (r *reception) done() fronts {
	return fronts{addresses: r.addresses.done(), nodePorts: r.nodePorts.done()}
}

// move brings the fronts from the Services of before to those of after. Either may be nil. A Service that is the same
// value in both costs nothing.
func (r *reception) move(before, after *serving) {
	if before == after {
		return
	}
	for name, was := range before.all() {
		if is := after.all()[name]; is != was {
			r.leave(was, is, before.behind[name])
		}
	}
	for name, is := range after.all() {
		if before.all()[name] != is {
			r.enter(is)
		}
	}
}

// leave takes from a Service what the one that is now there under its name, which may be nil, has not.
func (r *reception) leave(was, is *Service, behind []identity.Workload) {
	for addr, border := range was.addresses() {
		if !is.has(addr, border) || !is.Created.Equal(was.Created) {
			setList(r.addresses, addr, r.withdrawn(r.addresses.at(addr), was, behind))
		}
	}
	for i := range was.Ports {
		if key, set := was.Ports[i].nodePort(); set {
			setList(r.nodePorts, key, slices.DeleteFunc(slices.Clone(r.nodePorts.at(key)), was.Is))
		}
	}
}

func (r *reception) enter(is *Service) {
	for addr, border := range is.addresses() {
		setList(r.addresses, addr, r.opened(r.addresses.at(addr), Front{Service: is, From: is.Created, Border: border}))
	}
	for i := range is.Ports {
		if key, set := is.Ports[i].nodePort(); set {
			list := append(slices.DeleteFunc(slices.Clone(r.nodePorts.at(key)), is.Is), is)
			slices.SortFunc(list, compareServices)
			r.nodePorts.set(key, list)
		}
	}
}

// withdrawn ends what a Service has now.
func (r *reception) withdrawn(list []Front, was *Service, behind []identity.Workload) []Front {
	list = slices.Clone(list)
	for i := range list {
		if f := &list[i]; f.Service.Is(was) && f.To.IsZero() {
			f.To, f.behind = r.now, behind
		}
	}
	return r.settled(list)
}

// opened puts a front in place of the same Service's present one.
func (r *reception) opened(list []Front, front Front) []Front {
	others := slices.DeleteFunc(slices.Clone(list), func(o Front) bool {
		return o.Service.Is(front.Service) && o.To.IsZero() && o.Border == front.Border
	})
	return r.settled(append(others, front))
}

// settled brings the fronts of one address into order and forgets old ones. A ClusterIP that a younger Service has got
// was taken from the older one, whenever that becomes known. It changes list.
func (r *reception) settled(list []Front) []Front {
	list = slices.DeleteFunc(list, func(f Front) bool { return isOver(f.To, r.now) })
	for i := range list {
		list[i].begin(list)
	}
	slices.SortFunc(list, func(a, b Front) int {
		return cmp.Or(a.From.Compare(b.From), compareServices(a.Service, b.Service))
	})
	list = list[max(0, len(list)-maxLeases):]
	for i := 1; i < len(list); i++ {
		older, younger := &list[i-1], &list[i]
		taken := !older.Border && !younger.Border && younger.From.After(older.From)
		if taken && (older.To.IsZero() || older.To.After(younger.From)) {
			older.To = younger.From
		}
	}
	return slices.Clip(list)
}

// begin sets From: the creation of the Service, or when another one gave up the address that this one then got, if that is
// later. Services that share an address at the border do not give it up to each other, but for a port.
func (f *Front) begin(all []Front) {
	f.From = f.Service.Created
	for i := range all {
		other := &all[i]
		gaveUp := !other.To.IsZero() && (f.To.IsZero() || other.To.Before(f.To)) && other.Border == f.Border
		if gaveUp && other.To.After(f.From) && (f.Border && other.sharesPort(f) || !f.Border && other.isYounger(f)) {
			f.From = other.To
		}
	}
}

func (f *Front) isYounger(than *Front) bool { return f.Service.Created.After(than.Service.Created) }

func (f *Front) sharesPort(with *Front) bool {
	return slices.ContainsFunc(f.Service.Ports, func(p ServicePort) bool {
		return slices.ContainsFunc(with.Service.Ports, func(o ServicePort) bool {
			return o.Port == p.Port && o.Protocol == p.Protocol
		})
	})
}

// forgotten returns f without what ended longer than LeaseRetention before now.
func (f *fronts) forgotten(now time.Time) fronts {
	edit := f.edit(now)
	for addr, list := range f.addresses.all() {
		if slices.ContainsFunc(list, func(f Front) bool { return isOver(f.To, now) }) {
			setList(edit.addresses, addr, edit.settled(slices.Clone(list)))
		}
	}
	return edit.done()
}

// addresses yields what clients outside and inside connect to, and whether it is at the border. A nil s has none.
func (s *Service) addresses() func(yield func(addr netip.Addr, border bool) bool) {
	return func(yield func(netip.Addr, bool) bool) {
		for _, addr := range s.ClusterIPs {
			if !yield(addr, false) {
				return
			}
		}
		for _, addr := range s.ExternalIPs {
			if !yield(addr, true) {
				return
			}
		}
	}
}

// has reports whether the Service has an address; a nil one has none.
func (s *Service) has(addr netip.Addr, border bool) bool {
	if s == nil {
		return false
	}
	if border {
		return slices.Contains(s.ExternalIPs, addr)
	}
	return slices.Contains(s.ClusterIPs, addr)
}

// Is reports whether other is the same object, perhaps at another time.
func (s *Service) Is(other *Service) bool {
	return s.Namespace == other.Namespace && s.Name == other.Name && s.Created.Equal(other.Created)
}

// nodePort returns the port that a ServicePort has on every node.
func (p *ServicePort) nodePort() (key NodePortKey, set bool) {
	if p.NodePort <= 0 || p.NodePort > maxPort {
		return NodePortKey{}, false
	}
	return NodePortKey{Port: uint16(p.NodePort), Protocol: p.Protocol}, true
}

func compareServices(a, b *Service) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
