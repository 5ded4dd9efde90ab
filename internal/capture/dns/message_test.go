package dns

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/portolan-io/portolan/internal/capture/frame"
)

var newYear = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)

// answer describes a DNS response; build turns it into bytes with a builder that shares no code with the decoder.
type answer struct {
	id       uint16
	name     string
	kind     dnsmessage.Type // A when 0
	header   dnsmessage.Header
	records  []dnsmessage.Resource
	verbatim bool // no compression
}

func (a answer) build(t testing.TB) []byte {
	t.Helper()
	a.header.ID, a.header.Response = a.id, true
	if a.kind == 0 {
		a.kind = dnsmessage.TypeA
	}
	b := dnsmessage.NewBuilder(nil, a.header)
	if !a.verbatim {
		b.EnableCompression()
	}
	ok(t, b.StartQuestions())
	ok(t, b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(a.name), Type: a.kind, Class: dnsmessage.ClassINET}))
	ok(t, b.StartAnswers())
	for _, r := range a.records {
		switch body := r.Body.(type) {
		case *dnsmessage.AResource:
			ok(t, b.AResource(r.Header, *body))
		case *dnsmessage.AAAAResource:
			ok(t, b.AAAAResource(r.Header, *body))
		case *dnsmessage.CNAMEResource:
			ok(t, b.CNAMEResource(r.Header, *body))
		case *dnsmessage.TXTResource:
			ok(t, b.TXTResource(r.Header, *body))
		}
	}
	msg, err := b.Finish()
	ok(t, err)
	return msg
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func head(name string, ttl uint32) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: ttl}
}

// address is an A or AAAA record that lives for 60 seconds.
func address(name, addr string) dnsmessage.Resource { return addressFor(name, addr, 60) }

func addressFor(name, addr string, ttl uint32) dnsmessage.Resource {
	ip := netip.MustParseAddr(addr)
	if ip.Is4() {
		return dnsmessage.Resource{Header: head(name, ttl), Body: &dnsmessage.AResource{A: ip.As4()}}
	}
	return dnsmessage.Resource{Header: head(name, ttl), Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}}
}

func alias(name, target string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: head(name, 60), Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(target)}}
}

func text(name string) dnsmessage.Resource {
	return dnsmessage.Resource{Header: head(name, 60), Body: &dnsmessage.TXTResource{TXT: []string{"hello"}}}
}

func answers(addrs ...string) []Answer {
	var out []Answer
	for _, a := range addrs {
		out = append(out, Answer{Addr: netip.MustParseAddr(a), TTL: 60})
	}
	return out
}

// x1 is an answer with one A record, captured on Ethernet, the worked example X1.
//
//	0000  f8 4d 89 69 30 96 00 09 0f 09 00 02 08 00 45 00   .M.i0.........E.
//	0010  00 59 eb 6c 40 00 40 11 b3 25 d0 5b 70 34 0a 65   .Y.l@.@..%.[p4.e
//	0020  51 0d 00 35 fc b4 00 45 a6 21 33 96 81 80 00 01   Q..5...E.!3.....
//	0030  00 01 00 00 00 00 03 73 74 73 09 75 73 2d 65 61   .......sts.us-ea
//	0040  73 74 2d 31 09 61 6d 61 7a 6f 6e 61 77 73 03 63   st-1.amazonaws.c
//	0050  6f 6d 00 00 01 00 01 c0 0c 00 01 00 01 00 00 00   om..............
//	0060  3c 00 04 48 15 ce 60                              <..H..`
const x1 = `
	f84d8969309600090f0900020800 45000059eb6c40004011b325d05b70340a65510d 0035fcb40045a621
	339681800001000100000000 037374730975732d656173742d3109616d617a6f6e61777303636f6d0000010001
	c00c000100010000003c00044815ce60`

// x2 is an answer with CNAME and A records whose names are not compressed, and an OPT record, the worked example X2.
//
//	0000  92 e7 2b 05 f8 7b 02 af 9e 5f 51 3c 08 00 45 00   ..+..{..._Q<..E.
//	0010  00 b1 44 39 40 00 40 11 e0 10 0a f4 00 02 0a f4   ..D9@.@.........
//	0020  00 09 00 35 9c 2b 00 9d 16 a1 23 e0 85 80 00 01   ...5.+....#.....
//	0030  00 02 00 00 00 01 03 61 70 69 0c 6f 74 74 65 72   .......api.otter
//	0040  69 7a 65 2d 64 65 76 03 63 6f 6d 00 00 01 00 01   ize-dev.com.....
//	0050  03 61 70 69 0c 6f 74 74 65 72 69 7a 65 2d 64 65   .api.otterize-de
//	0060  76 03 63 6f 6d 00 00 05 00 01 00 00 00 06 00 1b   v.com...........
//	0070  08 69 6e 74 65 72 6e 61 6c 0c 6f 74 74 65 72 69   .internal.otteri
//	0080  7a 65 2d 64 65 76 03 63 6f 6d 00 08 69 6e 74 65   ze-dev.com..inte
//	0090  72 6e 61 6c 0c 6f 74 74 65 72 69 7a 65 2d 64 65   rnal.otterize-de
//	00a0  76 03 63 6f 6d 00 00 01 00 01 00 00 00 06 00 04   v.com...........
//	00b0  0b dc 02 00 00 00 29 04 d0 00 00 00 00 00 00      ......)........
const x2 = `
	92e72b05f87b02af9e5f513c0800 450000b1443940004011e0100af400020af40009 00359c2b009d16a1
	23e085800001000200000001 036170690c6f74746572697a652d64657603636f6d0000010001
	036170690c6f74746572697a652d64657603636f6d0000050001 00000006001b 08696e7465726e616c0c6f74746572697a652d64657603636f6d00
	08696e7465726e616c0c6f74746572697a652d64657603636f6d0000010001 000000060004 0bdc0200
	00002904d0000000000000`

const ethernetHeader = 14

// captured returns the packet of a captured Ethernet frame in hex.
func captured(t testing.TB, dump string) *frame.Packet {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(dump), ""))
	ok(t, err)
	var p frame.Packet
	ok(t, frame.Parse(&p, &frame.Frame{Payload: b[ethernetHeader:], EtherType: frame.EtherTypeIPv4, Time: newYear}))
	return &p
}
