package socket

import "net/netip"

// listeners are local ends that accept connections. An unspecified address stands for every one.
type listeners map[netip.AddrPort]struct{}

// mostListeners is how many of one namespace are remembered.
const mostListeners = 1024

// accept reports whether a connection to that end is accepted. A listener on all IPv6 addresses takes IPv4, too.
func (l listeners) accept(at netip.AddrPort) bool {
	for _, listener := range [...]netip.Addr{at.Addr(), netip.IPv6Unspecified(), netip.IPv4Unspecified()} {
		if listener == netip.IPv4Unspecified() && !at.Addr().Is4() {
			continue
		}
		if _, known := l[netip.AddrPortFrom(listener, at.Port())]; known {
			return true
		}
	}
	return false
}

// recall tells the table which listeners its namespace had. A server that takes no more connections and finishes those that
// it has would look like a client otherwise, wherever its ports do not tell. before becomes what is to be recalled next time:
// those that listen now, and those that did and whose port still has connections.
func (t *Table) recall(before listeners) {
	var busy map[uint16]struct{}
	for at := range before {
		if _, still := t.listeners[at]; still {
			continue
		}
		if busy == nil {
			busy = t.busyPorts()
		}
		if _, serves := busy[at.Port()]; !serves {
			delete(before, at)
		}
	}
	for at := range t.listeners {
		if len(before) >= mostListeners {
			break
		}
		before[at] = struct{}{}
	}
	t.left = before
}

// busyPorts returns the local ports of established connections.
func (t *Table) busyPorts() map[uint16]struct{} {
	ports := make(map[uint16]struct{})
	for i := range t.rows {
		ports[t.rows[i].Local.Port()] = struct{}{}
	}
	return ports
}
