package cluster

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"time"
)

// MirrorAnnotation is on pods that stand for a static pod. Its value is the UID that the static pod has on its node.
const MirrorAnnotation = "kubernetes.io/config.mirror"

// hostNameLength is how much of a pod's name fits into a host name.
const hostNameLength = 63

// IsCalled reports whether a name that a process knows as its own fits the pod: its name or its host name, either cut at
// the 63 characters that a host name may have.
func (p *Pod) IsCalled(name string) bool {
	for _, own := range [...]string{p.Name, p.Hostname} {
		if own != "" && (name == own || name == own[:min(len(own), hostNameLength)]) {
			return true
		}
	}
	return false
}

// HasUID reports whether uid is the pod's: that of the object, or for a mirror pod that of the static pod.
func (p *Pod) HasUID(uid string) bool {
	return slices.Contains(p.uids(), uid)
}

// Behind returns the port of the pod behind a port of its node at one of the node's addresses: a hostPort, or on the host
// network a port that the pod declares.
func (p *Pod) Behind(port HostPort, addr netip.Addr) (target uint16, found bool) {
	for i := range p.Ports {
		declared := &p.Ports[i]
		switch {
		case declared.Protocol != port.Protocol:
		case p.HostNetwork && declared.Port == int32(port.Port):
			return port.Port, true
		case !p.HostNetwork && declared.HostPort == int32(port.Port) && (!declared.HostIP.IsValid() || declared.HostIP == addr):
			return uint16(max(0, min(declared.Port, maxPort))), true
		}
	}
	return 0, false
}

// Lives reports whether the pod exists and has not ended at that moment.
func (p *Pod) Lives(at time.Time) bool { return held(p.Created, p.Ended, at) }

// ownAddresses returns the addresses that a pod holds by itself.
func (p *Pod) ownAddresses() []netip.Addr {
	if p.HostNetwork {
		return nil
	}
	return p.IPs
}

// hostAddresses yields the addresses that a pod has of its node, each once.
func (p *Pod) hostAddresses() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		if !p.HostNetwork || p.Finished {
			return
		}
		for _, addr := range p.HostIPs {
			if !yield(addr) {
				return
			}
		}
		for _, addr := range p.IPs {
			if !slices.Contains(p.HostIPs, addr) && !yield(addr) {
				return
			}
		}
	}
}

// hostPorts yields the ports that a pod asks of its node. On the host network those are all that it declares.
func (p *Pod) hostPorts() iter.Seq[HostPort] {
	return func(yield func(HostPort) bool) {
		if p.Node == "" || p.Finished {
			return
		}
		for i := range p.Ports {
			number := p.Ports[i].HostPort
			if p.HostNetwork {
				number = p.Ports[i].Port
			}
			port := HostPort{Node: p.Node, Port: uint16(number), Protocol: p.Ports[i].Protocol}
			if number > 0 && number <= maxPort && !yield(port) {
				return
			}
		}
	}
}

const maxPort = 1<<16 - 1

// uids returns the UIDs by which a pod is known: that of the object, and for a mirror pod that of the static pod.
func (p *Pod) uids() []string {
	if static := p.Annotations[MirrorAnnotation]; static != "" && static != p.UID {
		return []string{p.UID, static}
	}
	return []string{p.UID}
}

func comparePods(a, b *Pod) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
