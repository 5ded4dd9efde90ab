package frame

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// collector keeps what a decoder is told, one line each.
type collector struct{ lines []string }

func (c *collector) Handle(p *Packet) {
	line := p.Time.Format("05.000000000") + " " + p.Source.String() + " " + string(p.Payload)
	if p.Outgoing {
		line += " outgoing"
	}
	if p.Cut {
		line += " cut"
	}
	c.lines = append(c.lines, strings.TrimRight(line, " "))
}

func (c *collector) Tick(now time.Time) { c.lines = append(c.lines, "tick "+now.Format("05.000")) }

func (c *collector) Flush() { c.lines = append(c.lines, "flush") }

func (c *collector) packets() []string {
	var out []string
	for _, l := range c.lines {
		if l != "flush" && !strings.HasPrefix(l, "tick ") {
			out = append(out, l)
		}
	}
	return out
}

func info(at time.Time, packet []byte) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(packet), Length: len(packet)}
}

// classic returns a pcap file in little endian with microseconds, written by gopacket.
func classic(t testing.TB, link uint32, packets ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := pcapgo.NewWriter(&out)
	must(t, w.WriteFileHeader(1<<16, layers.LinkTypeRaw))
	for i, p := range packets {
		must(t, w.WritePacket(info(newYear.Add(time.Duration(i)*time.Millisecond), p), p))
	}
	b := out.Bytes()
	binary.LittleEndian.PutUint32(b[20:], link)
	return b
}

func read(t testing.TB, file []byte) (*collector, []Count, error) {
	t.Helper()
	c := &collector{}
	counts, err := Read(bytes.NewReader(file), c)
	return c, counts, err
}

func TestReadKnowsLinkTypes(t *testing.T) {
	packet := answer4().build(t)
	headed := func(head string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(head, " ", ""))
		must(t, err)
		return append(b, packet...)
	}
	const plain = "00.000000000 10.96.0.10:53 answer"
	for name, tc := range map[string]struct {
		link   uint32
		packet []byte
		want   string
	}{
		"Ethernet":                     {1, headed("020000000001 020000000002 0800"), plain},
		"Ethernet with a VLAN tag":     {1, headed("020000000001 020000000002 8100 0064 0800"), plain},
		"raw":                          {101, packet, plain},
		"raw of BSD":                   {12, packet, plain},
		"IPv4":                         {228, packet, plain},
		"IPv6":                         {229, answer6().build(t), "00.000000000 [2001:db8::10]:53 answer"},
		"null":                         {0, headed("02000000"), plain},
		"loop":                         {108, headed("00000002"), plain},
		"Linux cooked, received":       {113, headed("0000 0001 0006 0200000000010000 0800"), plain},
		"Linux cooked, sent":           {113, headed("0004 0001 0006 0200000000010000 0800"), plain + " outgoing"},
		"Linux cooked, loopback":       {113, headed("0000 0304 0006 0000000000000000 0800"), ""},
		"Linux cooked 2, sent":         {276, headed("0800 0000 00000003 0001 04 06 0200000000010000"), plain + " outgoing"},
		"Linux cooked 2, loopback":     {276, headed("0800 0000 00000001 0304 00 06 0000000000000000"), ""},
		"a header that is not there":   {1, []byte{1, 2, 3}, ""},
		"bits that tell of a checksum": {1 | 0x1400_0000, headed("020000000001 020000000002 0800"), plain},
	} {
		t.Run(name, func(t *testing.T) {
			c, counts, err := read(t, classic(t, tc.link, tc.packet))
			if got := strings.Join(c.packets(), "; "); got != tc.want || err != nil {
				t.Errorf("packets %q, error %v, want %q", got, err, tc.want)
			}
			if other := counts[2]; (other.N == 1) != (tc.want == "") {
				t.Errorf("counts %+v", counts)
			}
		})
	}
}

func TestReadOrdersAndUnits(t *testing.T) {
	packet := answer4().build(t)
	at := newYear.Add(1_234_567_891)
	for name, order := range map[string]binary.AppendByteOrder{"little endian": binary.LittleEndian, "big endian": binary.BigEndian} {
		for unit, want := range map[time.Duration]string{time.Microsecond: "01.234567000", time.Nanosecond: "01.234567891"} {
			t.Run(name+" "+unit.String(), func(t *testing.T) {
				magic := uint32(magicMicroseconds)
				if unit == time.Nanosecond {
					magic = magicNanoseconds
				}
				var b []byte
				for _, v := range []uint32{magic, 0x0004_0002, 0, 0, 1 << 16, linkRaw, uint32(at.Unix()), uint32(at.Nanosecond() / int(unit)), uint32(len(packet)), uint32(len(packet))} {
					b = order.AppendUint32(b, v)
				}
				c, _, err := read(t, append(b, packet...))
				if diff := cmp.Diff(c.packets(), []string{want + " 10.96.0.10:53 answer"}); diff != "" || err != nil {
					t.Errorf("%v (-got +want):\n%s", err, diff)
				}
			})
		}
	}
}

// newer returns a pcapng file with two interfaces and two packets, written by gopacket.
func newer(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := pcapgo.NewNgWriterInterface(&out, pcapgo.NgInterface{LinkType: layers.LinkTypeRaw, TimestampResolution: 9}, pcapgo.DefaultNgWriterOptions)
	must(t, err)
	second, err := w.AddInterface(pcapgo.NgInterface{LinkType: layers.LinkTypeIPv6, TimestampResolution: 9})
	must(t, err)
	for i, p := range [][]byte{answer4().build(t), answer6().build(t)} {
		ci := info(newYear.Add(time.Duration(i)*time.Second+7), p)
		ci.InterfaceIndex = i * second
		must(t, w.WritePacket(ci, p))
	}
	must(t, w.Flush())
	return out.Bytes()
}

// blocks writes pcapng blocks of 32-bit words by hand; strings are packets, which are padded.
func blocks(order binary.AppendByteOrder, all ...[]any) []byte {
	var out []byte
	for _, block := range all {
		var body []byte
		for _, part := range block[1:] {
			switch v := part.(type) {
			case int:
				body = order.AppendUint32(body, uint32(v))
			case []byte:
				body = append(body, v...)
				body = append(body, make([]byte, (4-len(v)%4)%4)...)
			}
		}
		length := uint32(len(body) + blockFrame)
		out = order.AppendUint32(out, uint32(block[0].(int)))
		out = order.AppendUint32(out, length)
		out = order.AppendUint32(append(out, body...), length)
	}
	return out
}

func TestReadNewerFormat(t *testing.T) {
	packet := answer4().build(t)
	n := len(packet)
	section := []any{blockSection, orderMagic, 1, -1, -1}
	seconds := int(newYear.Unix())
	for name, tc := range map[string]struct {
		file []byte
		want []string
	}{
		"what gopacket writes": {
			newer(t), []string{"00.000000007 10.96.0.10:53 answer", "01.000000007 [2001:db8::10]:53 answer"},
		},
		"sections in both orders, each with its own interfaces": {
			append(
				blocks(binary.LittleEndian, section, []any{blockInterface, linkIPv4, 0}, []any{blockEnhanced, 0, 0, 5, n, n, packet}),
				blocks(binary.BigEndian, section, []any{99, 1, 2, 3}, []any{blockInterface, linkIPv4 << 16, 0}, []any{blockEnhanced, 0, 0, 6, n, n, packet})...),
			[]string{"00.000005000 10.96.0.10:53 answer", "00.000006000 10.96.0.10:53 answer"},
		},
		"a simple packet has the time of the one before": {
			blocks(binary.LittleEndian, section, []any{blockInterface, linkRaw, 30},
				[]any{blockEnhanced, 0, 0, 5, n, n, packet}, []any{blockSimple, n, packet[:30]}),
			[]string{"00.000005000 10.96.0.10:53 answer", "00.000005000 10.96.0.10:53 an cut"},
		},
		"times in halves of a second from an offset": {
			blocks(binary.LittleEndian, section,
				[]any{blockInterface, linkRaw, 0, 1<<16 | optionResolution, 0x81, 8<<16 | optionOffset, seconds, 0, 0},
				[]any{blockEnhanced, 0, 0, 3, n, n, packet}),
			[]string{"01.500000000 10.96.0.10:53 answer"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, err := read(t, tc.file)
			if diff := cmp.Diff(c.packets(), tc.want); diff != "" || err != nil {
				t.Errorf("%v (-got +want):\n%s", err, diff)
			}
		})
	}
}

func TestReadTicksWithTheFile(t *testing.T) {
	packet := answer4().build(t)
	var out bytes.Buffer
	w := pcapgo.NewWriterNanos(&out)
	must(t, w.WriteFileHeader(1<<16, layers.LinkTypeRaw))
	for _, at := range []time.Duration{0, 100 * time.Millisecond, 250 * time.Millisecond} {
		must(t, w.WritePacket(info(newYear.Add(at), packet), packet))
	}
	c, _, err := read(t, out.Bytes())
	const answer = " 10.96.0.10:53 answer"
	want := []string{"00.000000000" + answer, "tick 00.000", "00.100000000" + answer, "00.250000000" + answer, "tick 00.250", "flush"}
	if diff := cmp.Diff(c.lines, want); diff != "" || err != nil {
		t.Errorf("%v (-got +want):\n%s", err, diff)
	}
}

func TestReadCountsACutEnd(t *testing.T) {
	packet := answer4().build(t)
	for name, file := range map[string][]byte{"pcap": classic(t, linkRaw, packet, packet), "pcapng": newer(t)} {
		for _, missing := range []int{1, 20, len(packet) + 8} {
			c, counts, err := read(t, file[:len(file)-missing])
			if got := counts[3]; len(c.packets()) != 1 || got.Reason != "truncated" || got.N != 1 || err != nil {
				t.Errorf("%s without its last %d octets: %d packets, %+v, %v, want 1 packet and 1 truncated", name, missing, len(c.packets()), got, err)
			}
		}
	}
}

func TestReadErrorsNameFileAndOffset(t *testing.T) {
	packet := answer4().build(t)
	long := classic(t, linkRaw, packet)
	binary.LittleEndian.PutUint32(long[pcapHead+8:], mostPacket+1)
	section := []any{blockSection, orderMagic, 1, -1, -1}
	for name, tc := range map[string]struct {
		file []byte
		want string
	}{
		"an empty file":            {nil, "at offset 0: the file is too short"},
		"another file":             {[]byte(strings.Repeat("%PDF-1.7", 4)), "at offset 24: the file begins with 25504446; give a pcap or pcapng file"},
		"wireless packets":         {classic(t, 127), "at offset 24: packets of link type 127"},
		"an impossible length":     {long, "at offset 40: a packet of 1048577 octets"},
		"half a head":              {long[:20], "the head of the file is cut off"},
		"a packet of no interface": {blocks(binary.LittleEndian, section, []any{blockEnhanced, 0, 0, 0, 0, 0}), "a packet of interface 0"},
		"a block of 13 octets":     {append(blocks(binary.LittleEndian, section), 6, 0, 0, 0, 13, 0, 0, 0), "at offset 36: a block of 13 octets"},
		"a time unit too small":    {blocks(binary.LittleEndian, section, []any{blockInterface, linkRaw, 0, 1<<16 | optionResolution, 20}), "a time resolution of 0x14"},
		"an interface of USB":      {blocks(binary.LittleEndian, section, []any{blockInterface, 220, 0}), "packets of link type 220"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(bytes.NewReader(tc.file)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Read: %v, want %q", err, tc.want)
			}
		})
	}
}

// FuzzRead checks that no file stops the reader, and that reading ends with a flush. It does not check what is read.
func FuzzRead(f *testing.F) {
	packet := answer4().build(f)
	f.Add(classic(f, linkEthernet, packet))
	f.Add(classic(f, linkLinux, packet, packet))
	f.Add(newer(f))
	f.Add(blocks(binary.BigEndian, []any{blockSection, orderMagic, 1, -1, -1}, []any{blockInterface, linkRaw << 16, 30, 1<<24 | optionResolution<<8, 0x81000000},
		[]any{blockSimple, len(packet), packet}))
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<16 {
			return
		}
		c, _, _ := read(t, file)
		if len(c.lines) == 0 || c.lines[len(c.lines)-1] != "flush" {
			t.Fatalf("the last call was not Flush: %q", c.lines)
		}
	})
}
