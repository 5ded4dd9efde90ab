package conntrack

import (
	"sync/atomic"

	"github.com/portolan-io/portolan/internal/capture/frame"
)

// Reason says why an entry of the connection table made no sighting.
type Reason uint8

// The reasons. Used is none. From Malformed on, information is lost.
const (
	Used Reason = iota

	OtherProtocol // neither TCP, UDP nor SCTP
	Local         // loopback, or both sides have one address
	DNS           // UDP to port 53, which the source dns sees better
	NoReply       // nobody has answered, so far or ever
	Refused       // a TCP connection that was reset before it was established
	Orientation   // the ports say that the table has taken the server for the client
	Recounted     // one flow of too many to be remembered: its count is too high
	Forgotten     // one flow of too many whose client is to be remembered: a later entry may have it the wrong way round

	Malformed // an entry that cannot be read
	Overrun   // the kernel had no room for events; the whole table is read instead

	reasons
)

// String returns the name of r in metrics and reports. It is stable.
func (r Reason) String() string {
	if r >= reasons {
		return "unknown"
	}
	return [reasons]string{
		Used: "used", OtherProtocol: "other-protocol", Local: "local", DNS: "dns", NoReply: "no-reply", Refused: "refused",
		Orientation: "orientation", Recounted: "recounted", Forgotten: "forgotten", Malformed: "malformed", Overrun: "overrun",
	}[r]
}

// Lost reports whether r means that information is gone.
func (r Reason) Lost() bool { return r >= Malformed }

// tally counts reasons. It is safe for concurrent use.
type tally [reasons]atomic.Uint64

func (t *tally) counts() []frame.Count {
	out := make([]frame.Count, 0, reasons-1)
	for r := Used + 1; r < reasons; r++ {
		out = append(out, frame.Count{Reason: r.String(), Lost: r.Lost(), N: t[r].Load()})
	}
	return out
}
