package intents

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
)

// MaxTargets is how many targets the API takes in one object.
const MaxTargets = 1_000

// Further bounds of the API: see api/v2beta1/targets.go. maxBytes keeps an object, written as JSON, below the 1.5 MiB
// that etcd takes, with room for its status and for who owns which field.
const (
	maxDomains = 100
	maxIPs     = 250
	maxPorts   = 200
	maxBytes   = 700_000
)

// shared puts internet targets with equal ports together, in the order in which their ports come first.
func shared(single []v2beta1.Target) []v2beta1.Target {
	var order []string
	groups := make(map[string]*v2beta1.InternetTarget)
	for _, target := range single {
		key := fmt.Sprint(target.Internet.Ports)
		group, known := groups[key]
		if !known {
			group = &v2beta1.InternetTarget{Ports: target.Internet.Ports}
			groups[key] = group
			order = append(order, key)
		}
		group.Domains = append(group.Domains, target.Internet.Domains...)
		group.IPs = append(group.IPs, target.Internet.IPs...)
	}
	var all []v2beta1.Target
	for _, key := range order {
		all = append(all, split(groups[key])...)
	}
	return all
}

// split makes targets of a group, none with more domains or addresses than the API takes.
func split(group *v2beta1.InternetTarget) []v2beta1.Target {
	domains := slices.Collect(slices.Chunk(group.Domains, maxDomains))
	ips := slices.Collect(slices.Chunk(group.IPs, maxIPs))
	all := make([]v2beta1.Target, max(len(domains), len(ips)))
	for i := range all {
		internet := &v2beta1.InternetTarget{Ports: group.Ports}
		if i < len(domains) {
			internet.Domains = domains[i]
		}
		if i < len(ips) {
			internet.IPs = ips[i]
		}
		all[i].Internet = internet
	}
	return all
}

// cut takes from an object what is too much for it, and returns the pairs that are then not declared.
func cut(o *v2beta1.ClientIntents) []Left {
	keep, size := 0, 0
	for _, target := range o.Spec.Targets[:min(len(o.Spec.Targets), MaxTargets)] {
		text, err := json.Marshal(target)
		if size += len(text) + 1; err != nil || size > maxBytes {
			break
		}
		keep++
	}
	client := identity.Workload{Namespace: o.Namespace, Kind: o.Spec.Workload.Kind, Name: o.Spec.Workload.Name}
	var left []Left
	for _, target := range o.Spec.Targets[keep:] {
		for _, peer := range peers(target, o.Namespace) {
			left = append(left, Left{client, peer, Full})
		}
	}
	o.Spec.Targets = slices.Clip(o.Spec.Targets[:keep])
	return left
}

// peers returns whom a target of a client in that namespace names.
func peers(t v2beta1.Target, home string) []graph.Peer {
	switch {
	case t.Service != nil:
		return []graph.Peer{{Workload: workload(t.Service.Name, home, identity.KindService)}}
	case t.Kubernetes != nil:
		return []graph.Peer{{Workload: workload(t.Kubernetes.Name, home, t.Kubernetes.Kind)}}
	case t.Internet == nil:
		return nil
	}
	var all []graph.Peer
	for _, domain := range t.Internet.Domains {
		all = append(all, graph.Peer{Name: domain})
	}
	for _, ip := range t.Internet.IPs {
		if addr, err := netip.ParseAddr(ip); err == nil {
			all = append(all, graph.Peer{Addr: addr})
		}
	}
	return all
}

func workload(name, home, kind string) identity.Workload {
	if before, namespace, elsewhere := strings.Cut(name, "."); elsewhere {
		return identity.Workload{Namespace: namespace, Kind: kind, Name: before}
	}
	return identity.Workload{Namespace: home, Kind: kind, Name: name}
}
