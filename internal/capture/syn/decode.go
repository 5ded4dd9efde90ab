// Package syn makes sightings of TCP connections that are opened: who wants to talk to whom, on which port.
//
// It must not open sockets, and it must not say that a connection was accepted: a SYN proves an attempt only.
package syn

import (
	"net/netip"
	"time"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Connection is one attempt to open a TCP connection.
type Connection struct {
	Client     netip.AddrPort
	Server     netip.AddrPort // as the client names it
	Translated netip.AddrPort // the server after DNAT; invalid when unknown or the same
	Time       time.Time
}

// Opens reports whether p opens a connection: SYN without ACK, RST and FIN; ECE and CWR may be set and data may follow.
//
// Source: RFC 9293 section 3.10.7, RFC 3168 section 6.1.1, RFC 7413.
func Opens(p *frame.Packet) bool {
	const mask = frame.FlagSYN | frame.FlagACK | frame.FlagRST | frame.FlagFIN
	return p.Protocol == frame.ProtocolTCP && p.Flags&mask == frame.FlagSYN
}

// sighting returns the sighting that c makes, named after its source.
func (c *Connection) sighting(name traffic.Source) traffic.Sighting {
	return traffic.Sighting{
		Source: name,
		From:   traffic.Party{Addr: c.Client.Addr(), Port: c.Client.Port()},
		To:     traffic.Party{Addr: c.Server.Addr(), Port: c.Server.Port()},
		What:   traffic.What{Act: traffic.Connect, Protocol: traffic.TCP, Translated: c.Translated},
		First:  c.Time,
		Last:   c.Time,
		Count:  1,
	}
}
