package socket

import (
	"sync/atomic"

	"github.com/portolan-io/portolan/internal/capture/frame"
)

// reason says why a socket made no sighting.
type reason uint8

// The reasons. From malformed on, information is lost.
const (
	local         reason = iota // loopback, or both sides have one address
	serverSide                  // the other side has opened it, and is seen there
	orientation                 // the ports say that the other side has opened it
	hostNamespace               // of the node itself, or of a host-network pod that could not be found out
	recounted                   // one connection of too many to be remembered: its count is too high
	malformed                   // a line that is no row
	oversize                    // a list of sockets goes on behind its bound

	reasons
)

func (r reason) String() string {
	return [reasons]string{
		local: "local", serverSide: "server-side", orientation: "orientation", hostNamespace: "host-namespace",
		recounted: "recounted", malformed: "malformed", oversize: "oversize",
	}[r]
}

// tally counts reasons. It is safe for concurrent use.
type tally [reasons]atomic.Uint64

func (t *tally) counts() []frame.Count {
	out := make([]frame.Count, 0, reasons)
	for r := range reasons {
		out = append(out, frame.Count{Reason: r.String(), Lost: r >= malformed, N: t[r].Load()})
	}
	return out
}
