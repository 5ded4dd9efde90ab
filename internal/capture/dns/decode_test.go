package dns

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/net/dns/dnsmessage"
	"pgregory.net/rapid"
)

var addresses = cmpopts.EquateComparable(netip.Addr{})

func records(r ...dnsmessage.Resource) []dnsmessage.Resource { return r }

func TestDecodeAnswers(t *testing.T) {
	const www, a, b = "www.shop.example.", "a.cdn.example.", "b.cdn.example."
	for name, tc := range map[string]struct {
		message answer
		want    Message
	}{
		"an address of the question's name": {
			answer{id: 7, name: www, records: records(address(www, "192.0.2.1"))},
			Message{ID: 7, Type: 1, Name: "www.shop.example", Answers: answers("192.0.2.1")},
		},
		"an address of IPv6": {
			answer{name: www, kind: dnsmessage.TypeAAAA, records: records(address(www, "2001:db8::1"))},
			Message{Type: 28, Name: "www.shop.example", Answers: answers("2001:db8::1")},
		},
		"both kinds for a question about all": {
			answer{name: www, kind: dnsmessage.TypeALL, records: records(address(www, "2001:db8::1"), text(www), address(www, "192.0.2.1"))},
			Message{Type: 255, Name: "www.shop.example", Answers: answers("2001:db8::1", "192.0.2.1")},
		},
		"an IPv4 address in IPv6 form is an IPv4 address": {
			answer{name: www, kind: dnsmessage.TypeAAAA, records: records(address(www, "::ffff:192.0.2.1"))},
			Message{Type: 28, Name: "www.shop.example", Answers: answers("192.0.2.1")},
		},
		"a chain of aliases leads back to the question": {
			answer{name: www, records: records(alias(www, a), alias(a, b), address(b, "192.0.2.1"))},
			Message{Type: 1, Name: "www.shop.example", Aliases: "a.cdn.example b.cdn.example", Answers: answers("192.0.2.1")},
		},
		"the order of the records does not matter": {
			answer{name: www, records: records(address(b, "192.0.2.1"), alias(a, b), alias(www, a))},
			Message{Type: 1, Name: "www.shop.example", Aliases: "a.cdn.example b.cdn.example", Answers: answers("192.0.2.1")},
		},
		"the case of letters does not matter": {
			answer{name: "WwW.sHop.Example.", verbatim: true, records: records(alias("www.SHOP.example.", "A.CDN.example."), address("a.cdn.EXAMPLE.", "192.0.2.1"))},
			Message{Type: 1, Name: "www.shop.example", Aliases: "a.cdn.example", Answers: answers("192.0.2.1")},
		},
		"addresses of other names do not count": {
			answer{name: www, records: records(address("evil.example.", "203.0.113.6"), address(www, "192.0.2.1"))},
			Message{Type: 1, Name: "www.shop.example", Answers: answers("192.0.2.1")},
		},
		"a loop of aliases ends": {
			answer{name: www, records: records(alias(www, a), alias(a, www), address(a, "192.0.2.1"))},
			Message{Type: 1, Name: "www.shop.example", Aliases: "a.cdn.example", Answers: answers("192.0.2.1")},
		},
		"an address that comes twice counts once, with the longer life": {
			answer{name: www, records: records(addressFor(www, "192.0.2.1", 30), address(www, "192.0.2.1"))},
			Message{Type: 1, Name: "www.shop.example", Answers: answers("192.0.2.1")},
		},
		"a life with the top bit set is none": {
			answer{name: www, records: records(addressFor(www, "192.0.2.1", 1<<31|60))},
			Message{Type: 1, Name: "www.shop.example", Answers: []Answer{{Addr: netip.MustParseAddr("192.0.2.1")}}},
		},
		"letters, digits, hyphen and underscore make a name": {
			answer{name: "_sip-1.x_y.example.", records: records(address("_sip-1.x_y.example.", "192.0.2.1"))},
			Message{Type: 1, Name: "_sip-1.x_y.example", Answers: answers("192.0.2.1")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, reason := NewDecoder().Decode(tc.message.build(t), false)
			if diff := cmp.Diff(got, tc.want, addresses); diff != "" || reason != Used {
				t.Errorf("Decode: %s (-got +want):\n%s", reason, diff)
			}
		})
	}
}

// chain is an answer to www over n aliases, which ends at an address.
func chain(n int) answer {
	at := func(i int) string { return fmt.Sprintf("n%d.example.", i) }
	out := answer{name: at(0)}
	for i := range n {
		out.records = append(out.records, alias(at(i), at(i+1)))
	}
	out.records = append(out.records, address(at(n), "192.0.2.1"))
	return out
}

func TestDecodeBoundsTheChain(t *testing.T) {
	m, reason := NewDecoder().Decode(chain(mostSteps).build(t), false)
	want := "n1.example n2.example n3.example n4.example n5.example n6.example n7.example n8.example"
	if reason != Used || len(m.Answers) != 1 || m.Aliases != want {
		t.Errorf("16 steps: %s, %d answers, aliases %q; want used, 1, %q", reason, len(m.Answers), m.Aliases, want)
	}
	if _, reason := NewDecoder().Decode(chain(mostSteps+1).build(t), false); reason != NoAddress {
		t.Errorf("17 steps: %s, want %s", reason, NoAddress)
	}
}

// changed returns the answer of one address with some octets set: pairs of offset and value.
func changed(t *testing.T, pairs ...int) []byte {
	t.Helper()
	b := slices.Clone(captured(t, x1).Payload)
	for i := 0; i < len(pairs); i += 2 {
		b[pairs[i]] = byte(pairs[i+1])
	}
	return b
}

// Offsets into the message of x1.
const (
	atFlags    = 2
	atRCode    = 3
	atCounts   = 4
	atQuestion = headerLength
	atType     = 12 + 29
	atClass    = atType + 2
	atRecord   = atType + 4
	atLength   = atRecord + 10
)

func TestDecodeReasons(t *testing.T) {
	const www = "www.example."
	truncated := dnsmessage.Header{Response: true, Truncated: true}
	tooMany := answer{name: www}
	for i := range mostRecords + 1 {
		tooMany.records = append(tooMany.records, address(www, netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}).String()))
	}
	whole := captured(t, x1).Payload
	two := answer{name: www, records: records(address(www, "192.0.2.1"), address(www, "192.0.2.2"))}.build(t)
	for name, tc := range map[string]struct {
		msg     []byte
		cut     bool
		want    Reason
		answers int
	}{
		"a question":                 {changed(t, atFlags, 0x01), false, Query, 0},
		"an update":                  {changed(t, atFlags, 0xa8), false, Opcode, 0},
		"a name that does not exist": {changed(t, atRCode, 0x83), false, RCode, 0},
		"no question":                {changed(t, atCounts+1, 0), false, QuestionCount, 0},
		"two questions":              {changed(t, atCounts+1, 2), false, QuestionCount, 0},
		"a question for a service":   {changed(t, atType+1, 33), false, OtherType, 0},
		"another class":              {changed(t, atClass+1, 3), false, OtherType, 0},
		"an empty answer":            {answer{name: www, kind: dnsmessage.TypeAAAA}.build(t), false, NoAddress, 0},
		"an alias without address":   {answer{name: www, records: records(alias(www, "a.example."))}.build(t), false, NoAddress, 0},
		"a dot inside a label":       {changed(t, atQuestion+1, '.'), false, BadName, 0},
		"a blank":                    {changed(t, atQuestion+1, ' '), false, BadName, 0},
		"a quote":                    {changed(t, atQuestion+1, '"'), false, BadName, 0},
		"a byte over 127":            {changed(t, atQuestion+1, 0xe4), false, BadName, 0},
		"the root":                   {answer{name: ".", records: records(address(".", "192.0.2.1"))}.build(t), false, BadName, 0},
		"an alias that is no host name is left out": {answer{name: www, records: records(alias(www, "a*.example."), address("a*.example.", "192.0.2.1"))}.build(t), false, BadName, 1},
		"nothing":                                       {nil, false, Malformed, 0},
		"half a header":                                 {whole[:11], false, Malformed, 0},
		"a name that points at itself":                  {changed(t, atRecord+1, atRecord), false, Malformed, 0},
		"a name that points forwards":                   {changed(t, atRecord+1, atRecord+2), false, Malformed, 0},
		"a name that points into the header":            {changed(t, atRecord+1, 2), false, Malformed, 0},
		"a label type of RFC 2673":                      {changed(t, atQuestion, 0x43), false, Malformed, 0},
		"an IPv4 address of five octets":                {append(changed(t, atLength+1, 5), 0), false, Malformed, 0},
		"fewer records than the header says":            {changed(t, 7, 2), false, Malformed, 1},
		"the records before a broken one are used":      {two[:len(two)-1], false, Malformed, 1},
		"a message whose end is cut off":                {two[:len(two)-1], true, Truncated, 1},
		"a message that is cut in the header":           {whole[:11], true, Truncated, 0},
		"a message that says that it is truncated":      {answer{name: www, header: truncated, records: records(address(www, "192.0.2.1"))}.build(t), false, Truncated, 1},
		"a truncated message without any answer":        {answer{name: www, header: truncated}.build(t), false, Truncated, 0},
		"more than 256 answers":                         {tooMany.build(t), false, Oversize, mostRecords},
		"records of other types and classes are passed": {answer{name: www, records: records(text(www), address(www, "192.0.2.1"))}.build(t), false, Used, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m, reason := NewDecoder().Decode(tc.msg, tc.cut)
			if reason != tc.want || len(m.Answers) != tc.answers {
				t.Errorf("Decode: %s with %d answers, want %s with %d", reason, len(m.Answers), tc.want, tc.answers)
			}
		})
	}
}

func TestDecodeRefusesNamesOver255Octets(t *testing.T) {
	label := append([]byte{63}, strings.Repeat("a", 63)...)
	msg := slices.Concat(changed(t)[:headerLength], label, label, label, label, []byte{0, 0, 1, 0, 1})
	if _, reason := NewDecoder().Decode(msg, false); reason != Malformed {
		t.Errorf("a name of 257 octets: %s, want %s", reason, Malformed)
	}
}

func TestNamesBeginAgainWhenFull(t *testing.T) {
	var n names
	for i := range mostNames {
		n.text(fmt.Appendf(nil, "n%d.example", i))
	}
	if n.restarts != 0 || len(n.known) != mostNames {
		t.Fatalf("%d restarts with %d names, want none with %d", n.restarts, len(n.known), mostNames)
	}
	if got := n.text([]byte("new.example")); got != "new.example" || n.restarts != 1 || len(n.known) != 1 {
		t.Errorf("text = %q after %d restarts with %d names, want new.example after 1 with 1", got, n.restarts, len(n.known))
	}
}

// Every shuffle of a chain's records gives the same name, the same aliases and the same addresses.
func TestDecodeLawOfRecordOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a := chain(rapid.IntRange(0, mostAliases).Draw(r, "aliases"))
		want, _ := NewDecoder().Decode(a.build(t), false)
		a.records = rapid.Permutation(a.records).Draw(r, "records")
		got, reason := NewDecoder().Decode(a.build(t), false)
		if diff := cmp.Diff(got, want, addresses); diff != "" || reason != Used {
			r.Errorf("shuffled: %s (-got +want):\n%s", reason, diff)
		}
	})
}

func TestReasonsHaveDifferentNames(t *testing.T) {
	seen := map[string]bool{}
	for r := range reasons {
		if name := r.String(); name == "" || seen[name] {
			t.Errorf("reason %d has the name %q, which is empty or taken", r, name)
		} else {
			seen[name] = true
		}
	}
}

// The number of records in the header is 65,535 and the message holds one.
func TestDecodeDoesNotTrustCounts(t *testing.T) {
	msg := changed(t)
	binary.BigEndian.PutUint16(msg[6:], 0xffff)
	d := NewDecoder()
	d.Decode(msg, false)
	if got := testing.AllocsPerRun(100, func() { d.Decode(msg, false) }); got != 0 {
		t.Errorf("%v allocations, want none", got)
	}
}
