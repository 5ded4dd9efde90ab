package resolve

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// This file finds the refused sightings that may explain a missing edge.

// Side is whom somebody asks about. Each field that is set is another way to mean it; the zero value means anybody.
type Side struct {
	Workload identity.Workload // or the Service of that name; of any kind and namespace where these are empty
	Name     string            // a DNS name outside the cluster
	Addr     netip.Addr
	Outside  bool // anybody outside the cluster
}

// Question asks why there is no edge from From to To. Port is of the server as the client sees it; 0 means any. Protocol
// is looked at together with it.
type Question struct {
	From, To Side
	Port     uint16
	Protocol traffic.Protocol
}

// Fitting returns the newest of the refusals that a ledger keeps that may be about a question, the newest first, at most
// limit of them. A refusal says that something was not clear, so whatever does not speak against it fits: the former
// holders of an address, and everybody on a node whose address was seen.
func (r *Resolver) Fitting(snapshot *cluster.Snapshot, ledger *Ledger, q Question, limit int) []Refusal {
	var fitting []Refusal
	for _, reason := range Reasons() {
		for _, s := range ledger.Examples(reason) {
			l := look{scene: &scene{resolver: r, snapshot: snapshot}, sighting: &s}
			if l.mayAnswer(q) {
				fitting = append(fitting, Refusal{Sighting: s, Reason: reason})
			}
		}
	}
	slices.SortStableFunc(fitting, func(a, b Refusal) int {
		return cmp.Or(b.Sighting.Last.Compare(a.Sighting.Last), cmp.Compare(a.Reason, b.Reason))
	})
	return fitting[:min(len(fitting), limit)]
}

func (l *look) mayAnswer(q Question) bool {
	s := l.sighting
	if q.Port != 0 && s.What.Act == traffic.Connect && (s.To.Port != q.Port || s.What.Protocol != q.Protocol) {
		return false
	}
	if !l.mayBe(q.From, &s.From) {
		return false
	}
	if translated := s.What.Translated; translated.IsValid() && l.mayBe(q.To, &traffic.Party{Addr: translated.Addr().Unmap()}) {
		return true
	}
	return l.mayBe(q.To, &s.To)
}

// mayBe reports whether a party may be one that is asked about.
func (l *look) mayBe(side Side, p *traffic.Party) bool {
	switch {
	case side == Side{},
		side.Addr.IsValid() && side.Addr == p.Addr,
		side.Outside && l.isOutside(p),
		side.Name != "" && side.Name == normalized(p.Name):
		return true
	case side.Workload.IsZero():
		return false
	}
	return l.mayBeWorkload(side.Workload, p)
}

func (l *look) isOutside(p *traffic.Party) bool {
	if p.Name != "" {
		return parseName(p.Name, l.resolver.options.ClusterDomains).form == outsideName
	}
	return p.Addr.IsValid() && !l.inside(p.Addr) && !isLocal(p.Addr)
}

func (l *look) mayBeWorkload(who identity.Workload, p *traffic.Party) bool {
	if means(who, p.Workload) || l.mayBeNamed(who, p.Name) {
		return true
	}
	if tenant, known := l.snapshot.Tenant(p.PodUID); known && means(who, tenant.Workload()) {
		return true
	}
	return l.hasAddress(who, p.Addr)
}

// mayBeNamed reports whether a DNS name means a workload, or would if it were there.
func (l *look) mayBeNamed(who identity.Workload, name string) bool {
	parsed := parseName(name, l.resolver.options.ClusterDomains)
	switch parsed.form {
	case podName:
		return l.hasAddress(who, parsed.addr)
	case serviceName:
		return l.isBehind(who, parsed.namespace, parsed.service)
	default:
		return false
	}
}

// hasAddress reports whether a workload has an address, had it a while ago, is behind it, or shares it with its node.
func (l *look) hasAddress(who identity.Workload, addr netip.Addr) bool {
	theirs := func(t cluster.Tenant) bool { return means(who, t.Workload()) }
	return slices.ContainsFunc(l.snapshot.Leases(addr), func(held cluster.Lease) bool { return theirs(held.Tenant) }) ||
		slices.ContainsFunc(l.snapshot.OnHost(addr), theirs) ||
		slices.ContainsFunc(l.snapshot.Fronts(addr), func(f cluster.Front) bool {
			former, gone := l.snapshot.Former(&f)
			if !gone {
				return l.isBehind(who, f.Service.Namespace, f.Service.Name)
			}
			return slices.ContainsFunc(former, func(w identity.Workload) bool { return means(who, w) })
		})
}

// isBehind reports whether a workload is behind a Service, or somebody means the Service itself.
func (l *look) isBehind(who identity.Workload, namespace, service string) bool {
	if who.Kind == "" && who.Name == service && (who.Namespace == "" || who.Namespace == namespace) {
		return true
	}
	space, known := l.snapshot.Space(namespace)
	return known && slices.ContainsFunc(space.Behind(service), func(w identity.Workload) bool { return means(who, w) })
}

// means reports whether somebody who asks for a workload means this one. A '.' in a name also means '_', and without a
// namespace all are meant.
func means(asked, is identity.Workload) bool {
	return !is.IsZero() && (asked.Namespace == "" || asked.Namespace == is.Namespace) && (asked.Kind == "" || strings.EqualFold(asked.Kind, is.Kind)) &&
		(asked.Name == is.Name || strings.ReplaceAll(asked.Name, ".", "_") == is.Name)
}
