package conntrack

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/traffic"
)

var (
	nine      = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	addresses = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})
)

// attribute builds one netlink attribute, with the padding behind it.
func attribute(kind uint16, value ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(attributeHead+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, (attributeAlign-len(b)%attributeAlign)%attributeAlign)...)
}

func nested(kind uint16, attributes ...[]byte) []byte {
	return attribute(kind|1<<15, slices.Concat(attributes...)...)
}

func port(kind, number uint16) []byte {
	return attribute(kind, byte(number>>8), byte(number))
}

func tuple(kind uint16, protocol uint8, t Tuple) []byte {
	from, to := uint16(addressSource4), uint16(addressDestination4)
	if t.Source.Addr().Is6() {
		from, to = addressSource6, addressDestination6
	}
	return nested(kind,
		nested(tupleAddresses, attribute(from, t.Source.Addr().AsSlice()...), attribute(to, t.Destination.Addr().AsSlice()...)),
		nested(tuplePorts, attribute(portProtocol, protocol), port(portSource, t.Source.Port()), port(portDestination, t.Destination.Port())))
}

// entry builds what the kernel says of a flow.
func entry(f Flow) []byte {
	var status uint32
	if f.Replied {
		status |= statusReplied
	}
	if f.Assured {
		status |= statusAssured
	}
	parts := [][]byte{
		{2, 0, 0, 0},
		tuple(attributeOriginal, f.Protocol, f.Original), tuple(attributeReply, f.Protocol, f.Reply),
		attribute(attributeStatus, binary.BigEndian.AppendUint32(nil, status)...),
		attribute(99, 1, 2, 3, 4, 5), // one that nobody knows
	}
	if f.State != 0 {
		parts = append(parts, nested(attributeDetails, nested(detailsTCP, attribute(detailTCPState, f.State))))
	}
	if f.Left != untold {
		parts = append(parts, attribute(attributeTimeout, binary.BigEndian.AppendUint32(nil, f.Left)...))
	}
	return slices.Concat(parts...)
}

func ends(from, to string) Tuple {
	return Tuple{netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)}
}

// call is an established TCP connection to a Service, which the node has translated to a pod.
func call() Flow {
	return Flow{
		Protocol: protocolTCP, Replied: true, Assured: true, State: tcpEstablished, Left: 432_000,
		Original: ends("10.1.0.4:40112", "10.96.0.17:80"), Reply: ends("10.1.0.9:8080", "10.1.0.4:40112"),
	}
}

func (f Flow) with(change func(*Flow)) Flow {
	change(&f)
	return f
}

func TestDecode(t *testing.T) {
	six := Flow{
		Protocol: protocolUDP, Replied: true, Left: untold,
		Original: ends("[fd00::4]:40112", "[fd00:1::17]:514"), Reply: ends("[fd00:1::17]:514", "[fd00::4]:40112"),
	}
	for name, f := range map[string]Flow{
		"TCP, translated": call(),
		"UDP over IPv6":   six,
		"no reply so far": call().with(func(f *Flow) { f.Replied, f.Assured, f.State = false, false, 1 }),
		"SCTP":            call().with(func(f *Flow) { f.Protocol, f.State = protocolSCTP, 0 }),
	} {
		got, ok := Decode(entry(f))
		if diff := cmp.Diff(got, f, addresses); !ok || diff != "" {
			t.Errorf("%s: Decode() = %t (-got +want):\n%s", name, ok, diff)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	whole := entry(call())
	original := len(tuple(attributeOriginal, protocolTCP, call().Original))
	for name, msg := range map[string][]byte{
		"nothing":                   nil,
		"a head that is too short":  whole[:headLength-1],
		"a head and no more":        whole[:headLength],
		"one direction only":        whole[:headLength+original],
		"no original direction":     append([]byte{2, 0, 0, 0}, whole[headLength+original:]...),
		"a direction cut in two":    whole[:headLength+original/2],
		"an address of three bytes": append([]byte{2, 0, 0, 0}, nested(attributeOriginal, nested(tupleAddresses, attribute(addressSource4, 1, 2, 3)))...),
		"a status of two bytes":     append([]byte{2, 0, 0, 0}, attribute(attributeStatus, 0, 2)...),
		"an attribute of no length": append([]byte{2, 0, 0, 0}, 0, 0, 1, 0),
	} {
		if f, ok := Decode(msg); ok {
			t.Errorf("%s: Decode() = %+v, want nothing", name, f)
		}
	}
}

func TestJudge(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Flow)
		want   Reason
	}{
		"an established connection":             {func(*Flow) {}, Used},
		"a handshake that the server answered":  {func(f *Flow) { f.Assured, f.State = false, 2 }, Used},
		"a connection that was closed":          {func(f *Flow) { f.State = 7 }, Used},
		"one that was reset after it was there": {func(f *Flow) { f.State = tcpClosed }, Used},
		"one that was refused":                  {func(f *Flow) { f.Assured, f.State = false, tcpClosed }, Refused},
		"a SYN that nobody answers":             {func(f *Flow) { f.Replied, f.Assured, f.State = false, false, 1 }, NoReply},
		"UDP with an answer":                    {func(f *Flow) { f.Protocol, f.Assured, f.State = protocolUDP, false, 0 }, Used},
		"UDP without":                           {func(f *Flow) { f.Protocol, f.Replied, f.Assured, f.State = protocolUDP, false, false, 0 }, NoReply},
		"SCTP with an answer":                   {func(f *Flow) { f.Protocol, f.State = protocolSCTP, 4 }, Used},
		"a lookup": {func(f *Flow) {
			f.Protocol, f.State, f.Original = protocolUDP, 0, ends("10.1.0.4:40112", "10.96.0.10:53")
		}, DNS},
		"a lookup over TCP":             {func(f *Flow) { f.Original = ends("10.1.0.4:40112", "10.96.0.10:53") }, Used},
		"a ping":                        {func(f *Flow) { f.Protocol = 1 }, OtherProtocol},
		"a flow without port":           {func(f *Flow) { f.Original = ends("10.1.0.4:40112", "10.96.0.10:0") }, OtherProtocol},
		"loopback":                      {func(f *Flow) { f.Original = ends("127.0.0.1:40112", "127.0.0.1:80") }, Local},
		"loopback of IPv6":              {func(f *Flow) { f.Original = ends("[::1]:40112", "[::1]:80") }, Local},
		"an address with itself":        {func(f *Flow) { f.Original = ends("10.1.0.4:40112", "10.1.0.4:80") }, Local},
		"a server taken for the client": {func(f *Flow) { f.Original = ends("10.1.0.9:8080", "10.1.0.4:40112") }, Orientation},
		"a client with a low port":      {func(f *Flow) { f.Original = ends("10.1.0.9:700", "10.1.0.4:2049") }, Used},
	} {
		f := call().with(tc.change)
		if got := f.Judge(); got != tc.want {
			t.Errorf("%s: Judge() = %s, want %s", name, got, tc.want)
		}
	}
}

func TestTheClientIsWhoSentTheOriginal(t *testing.T) {
	for name, tc := range map[string]struct {
		reply Tuple
		want  string // the sighting's translated server
	}{
		"no translation":           {ends("10.96.0.17:80", "10.1.0.4:40112"), "invalid AddrPort"},
		"a translated server":      {ends("10.1.0.9:8080", "10.1.0.4:40112"), "10.1.0.9:8080"},
		"another port only":        {ends("10.96.0.17:8080", "10.1.0.4:40112"), "10.96.0.17:8080"},
		"a translated client":      {ends("10.96.0.17:80", "10.9.0.1:61000"), "invalid AddrPort"},
		"both sides translated":    {ends("10.1.0.9:8080", "10.9.0.1:61000"), "10.1.0.9:8080"},
		"a client that called out": {ends("10.96.0.17:80", "203.0.113.5:1024"), "invalid AddrPort"},
	} {
		f := call().with(func(f *Flow) { f.Reply = tc.reply })
		want := traffic.Sighting{
			Source: traffic.Flow, First: nine, Last: nine, Count: 1,
			From: traffic.Party{Addr: netip.MustParseAddr("10.1.0.4"), Port: 40112},
			To:   traffic.Party{Addr: netip.MustParseAddr("10.96.0.17"), Port: 80},
			What: traffic.What{Act: traffic.Connect, Protocol: traffic.TCP},
		}
		got := f.sighting(nine)
		if got.What.Translated.String() != tc.want {
			t.Errorf("%s: translated %s, want %s", name, got.What.Translated, tc.want)
		}
		got.What.Translated = netip.AddrPort{}
		if diff := cmp.Diff(got, want, addresses); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}

// TestDecodeLawOfRoundTrip: what a flow is written as is read as that flow.
func TestDecodeLawOfRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.SampledFrom([]int{4, 16}).Draw(t, "length")
		end := func(name string) netip.AddrPort {
			a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), length, length).Draw(t, name))
			return netip.AddrPortFrom(a, rapid.Uint16().Draw(t, name+" port"))
		}
		f := Flow{
			Protocol: rapid.Byte().Draw(t, "protocol"), Original: Tuple{end("a"), end("b")}, Reply: Tuple{end("c"), end("d")},
			Replied: rapid.Bool().Draw(t, "replied"), Assured: rapid.Bool().Draw(t, "assured"), State: rapid.Byte().Draw(t, "state"),
			Left: rapid.Uint32().Draw(t, "left"),
		}
		got, ok := Decode(entry(f))
		if diff := cmp.Diff(got, f, addresses); !ok || diff != "" {
			t.Fatalf("Decode() = %t (-got +want):\n%s", ok, diff)
		}
	})
}

func TestDecodeAllocatesNothing(t *testing.T) {
	msg := entry(call())
	if n := testing.AllocsPerRun(100, func() { Decode(msg) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestReasonsHaveDifferentNames(t *testing.T) {
	names := make(map[string]Reason)
	for r := Used; r <= reasons; r++ {
		if other, taken := names[r.String()]; taken || r.String() == "" {
			t.Errorf("%d and %d are both called %q", r, other, r)
		}
		names[r.String()] = r
	}
}

// FuzzDecode: no entry ends the process, and what makes a sighting has all that a sighting needs.
func FuzzDecode(f *testing.F) {
	f.Add(entry(call()))
	f.Add(entry(call())[:90])
	f.Add(entry(Flow{Protocol: protocolUDP, Replied: true, Original: ends("[fd00::4]:1", "[fd00::5]:2"), Reply: ends("[fd00::5]:2", "[fd00::4]:1")}))
	f.Fuzz(func(t *testing.T, msg []byte) {
		flow, ok := Decode(msg)
		if !ok || flow.Judge() != Used {
			return
		}
		s := flow.sighting(nine)
		if _, err := traffic.ParseLine(traffic.AppendLine(nil, s)); err != nil {
			t.Errorf("%+v makes a bad sighting: %v", flow, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	msg := entry(call())
	b.ReportAllocs()
	for b.Loop() {
		f, _ := Decode(msg)
		f.Judge()
	}
}
