package traffic

import (
	"bytes"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/identity"
)

var addresses = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})

// examples are the lines of docs/sightings.md and what they mean.
var examples = map[string]Sighting{
	`{"source":"dns","first":"2026-11-20T09:00:00.25Z","last":"2026-11-20T09:00:04Z","count":3,"from":{"addr":"10.1.0.4"},"to":{"addr":"192.0.2.80","name":"api.example.com"},"act":"lookup","aliases":["edge.example.net"],"responder":"10.0.0.10","ttl":60}`: {
		Source: DNS, First: start.Add(250 * time.Millisecond), Last: start.Add(4 * time.Second), Count: 3, TTL: time.Minute,
		From: Party{Addr: netip.MustParseAddr("10.1.0.4")},
		To:   Party{Addr: netip.MustParseAddr("192.0.2.80"), Name: "api.example.com"},
		What: What{Act: Lookup, Aliases: "edge.example.net", Responder: netip.MustParseAddr("10.0.0.10")},
	},
	`{"source":"syn","first":"2026-11-20T09:00:00Z","last":"2026-11-20T09:00:00Z","count":1,"from":{"addr":"10.1.0.4","port":40112},"to":{"addr":"10.0.0.17","port":8080},"act":"connect","protocol":"TCP","translated":"10.1.0.9:80"}`: {
		Source: SYN, First: start, Last: start, Count: 1,
		From: Party{Addr: netip.MustParseAddr("10.1.0.4"), Port: 40112},
		To:   Party{Addr: netip.MustParseAddr("10.0.0.17"), Port: 8080},
		What: What{Act: Connect, Protocol: TCP, Translated: netip.MustParseAddrPort("10.1.0.9:80")},
	},
	`{"source":"socket","first":"2026-11-20T09:00:00Z","last":"2026-11-20T09:00:00Z","count":2,"from":{"addr":"fd00::4","podUID":"0d5f6c1e-8a57-4f0e-9a7c-1f2f6f2b9b11"},"to":{"addr":"fd00:1::17","port":5432},"act":"connect","protocol":"TCP","ports":[40112,40113]}`: {
		Source: Socket, First: start, Last: start, Count: 2,
		From: Party{Addr: netip.MustParseAddr("fd00::4"), PodUID: "0d5f6c1e-8a57-4f0e-9a7c-1f2f6f2b9b11"},
		To:   Party{Addr: netip.MustParseAddr("fd00:1::17"), Port: 5432},
		What: What{Act: Connect, Protocol: TCP}, Ports: []uint16{40112, 40113},
	},
	`{"source":"flow","first":"2026-11-20T09:00:00Z","last":"2026-11-20T09:00:00Z","count":1,"from":{"pod":"client-0","workload":{"namespace":"shop","kind":"StatefulSet","name":"client"}},"to":{"addr":"10.0.0.53","port":514},"act":"connect","protocol":"UDP"}`: {
		Source: Flow, First: start, Last: start, Count: 1,
		From: Party{Pod: "client-0", Workload: identity.Workload{Namespace: "shop", Kind: "StatefulSet", Name: "client"}},
		To:   Party{Addr: netip.MustParseAddr("10.0.0.53"), Port: 514},
		What: What{Act: Connect, Protocol: UDP},
	},
}

func TestLineExamples(t *testing.T) {
	for text, want := range examples {
		got, err := ParseLine([]byte(text))
		if diff := cmp.Diff(got, want, addresses); err != nil || diff != "" {
			t.Errorf("ParseLine(%s) = %v (-got +want):\n%s", text, err, diff)
		}
		if written := string(AppendLine(nil, want)); written != text+"\n" {
			t.Errorf("AppendLine wrote\n%swant\n%s", written, text)
		}
	}
}

// TestLineExamplesAreDocumented holds the page about the format to what is written.
func TestLineExamplesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/sightings.md")
	if err != nil {
		t.Fatal(err)
	}
	for text := range examples {
		if !bytes.Contains(page, []byte(text)) {
			t.Errorf("docs/sightings.md does not show\n%s", text)
		}
	}
}

// written is what a person writes by hand: fields in any order, and only those that matter.
const written = `{"act":"connect","protocol":"TCP","source":"syn","to":{"addr":"::ffff:10.0.0.17","port":80},"from":{"addr":"10.1.0.4"},"first":"2026-11-20T10:00:00+01:00"}`

func TestLineByHand(t *testing.T) {
	want := Sighting{
		Source: SYN, First: start, Last: start, Count: 1,
		From: Party{Addr: netip.MustParseAddr("10.1.0.4")},
		To:   Party{Addr: netip.MustParseAddr("10.0.0.17"), Port: 80},
		What: What{Act: Connect, Protocol: TCP},
	}
	got, err := ParseLine([]byte(" " + written + "\r\n"))
	if diff := cmp.Diff(got, want, addresses); err != nil || diff != "" {
		t.Errorf("ParseLine() = %v (-got +want):\n%s", err, diff)
	}
	for ttl, want := range map[string]time.Duration{`60`: time.Minute, `"5m"`: 5 * time.Minute, `"60"`: -1, `null`: 0, `0`: 0} {
		s, err := ParseLine([]byte(`{"act":"lookup","source":"dns","to":{"name":"a.b"},"from":{"addr":"10.1.0.4"},"first":"2026-11-20T10:00:00Z","ttl":` + ttl + `}`))
		if failed := want < 0; failed != (err != nil) || !failed && s.TTL != want {
			t.Errorf("ttl %s is read as %s, %v; want %s", ttl, s.TTL, err, want)
		}
	}
}

func TestParseLineNamesWhatIsWrong(t *testing.T) {
	const lookup = `{"source":"dns","act":"lookup","first":"2026-11-20T10:00:00Z","from":{"addr":"10.1.0.4"},"to":{"name":"a.b"}}`
	for name, tc := range map[string]struct{ line, from, to, want string }{
		"nothing":                         {written, written, "", "the line ends before"},
		"half an object":                  {written, `"10.1.0.4"},"first":"2026-11-20T10:00:00+01:00"}`, "", "the line ends before"},
		"another kind of line":            {written, written, "[1]", "is not a JSON object"},
		"two objects":                     {written, "", "{} ", "goes on behind its object"},
		"an object and more":              {written, `01:00"}`, `01:00"} x`, "goes on behind its object"},
		"too much":                        {written, "", strings.Repeat(" ", MaxLine), "over 16384"},
		"a field that is not there":       {written, `"act"`, `"acts"`, `unknown field "acts"`},
		"a source that nobody knows":      {written, `"syn"`, `"SYN"`, `source: "SYN" is not a source; want one of dns, syn, socket, flow, kafka, envoy, spans, file`},
		"no time":                         {written, `"first"`, `"last"`, `first: "" is not a time`},
		"a time of other words":           {written, `2026-11-20T10:00:00+01:00`, `yesterday`, `first: "yesterday" is not a time like`},
		"a time before year 1":            {written, `2026-11-20T10`, `0001-01-01T00`, `first: "0001`},
		"a wrong last time":               {written, `"source"`, `"last":"x","source"`, `last: "x" is not a time`},
		"an end before the beginning":     {written, `"source"`, `"last":"2026-11-20T08:59:59Z","source"`, "last: is before first"},
		"a count of nothing":              {written, `"source"`, `"count":0,"source"`, "count: is 0"},
		"half a count":                    {written, `"source"`, `"count":1.5,"source"`, `count: is "number 1.5", want a whole number`},
		"an address of words":             {written, `10.1.0.4`, `pod`, `from.addr: "pod" is not an IPv4 or IPv6 address`},
		"an address with a zone":          {written, `10.1.0.4`, `fe80::1%eth0`, `from.addr: "fe80::1%eth0" is not`},
		"a client that nobody knows":      {written, `{"addr":"10.1.0.4"}`, `{"port":1}`, "from: nothing is known of this party"},
		"a port that no host has":         {written, `"port":80`, `"port":70000`, `to.port: is "number 70000", want a number from 0 to 65535`},
		"a party that is a text":          {written, `{"addr":"10.1.0.4"}`, `"10.1.0.4"`, `from: is "string", want an object`},
		"a UID with a blank":              {written, `"addr":"10.1.0.4"`, `"podUID":"a b"`, `from.podUID: "a b" has a blank`},
		"half a workload":                 {written, `"addr":"10.1.0.4"`, `"workload":{"name":"a"}`, "from.workload: wants a namespace and a name"},
		"a long namespace":                {written, `"addr":"10.1.0.4"`, `"workload":{"name":"a","namespace":"` + strings.Repeat("n", 64) + `"}`, "from.workload.namespace: has 64 bytes, over 63"},
		"a name in capitals":              {lookup, `a.b`, `A.b`, `to.name: "A.b" has a byte other than`},
		"a name with a dot at its end":    {lookup, `a.b`, `a.b.`, `to.name: "a.b." is empty or ends with a dot`},
		"a long name":                     {lookup, `a.b`, strings.Repeat("a.", 127), "to.name: has 254 bytes"},
		"a long label":                    {lookup, `a.b`, strings.Repeat("a", 64), "has a label over 63 bytes"},
		"no act":                          {written, `"connect"`, `""`, `act: "" is no act; want connect or lookup`},
		"no protocol":                     {written, `"TCP"`, `"tcp"`, `protocol: "tcp" is no protocol; want TCP, UDP or SCTP`},
		"a connection to no port":         {written, `,"port":80`, ``, "to.port: is missing"},
		"a connection with aliases":       {written, `"source"`, `"aliases":["a"],"source"`, "aliases: belong to a lookup"},
		"a connection with a responder":   {written, `"source"`, `"responder":"10.0.0.1","source"`, "responder: belongs to a lookup"},
		"a connection that ends":          {written, `"source"`, `"ttl":3,"source"`, "ttl: belongs to a lookup"},
		"a translation without port":      {written, `"source"`, `"translated":"10.0.0.1","source"`, `translated: "10.0.0.1" is not an address with a port`},
		"a translation to port 0":         {written, `"source"`, `"translated":"10.0.0.1:0","source"`, `translated: "10.0.0.1:0" is not`},
		"a lookup with ports":             {lookup, `"source"`, `"ports":[1],"source"`, "ports: belong to a connect"},
		"ports in no order":               {written, `"source"`, `"ports":[2,1],"source"`, "ports: 1 is out of order; want ports from 1 on, sorted, each once"},
		"a port of nobody":                {written, `"source"`, `"ports":[0],"source"`, "ports: 0 is out of order"},
		"a lookup of nothing":             {lookup, `"name":"a.b"`, `"addr":"10.0.0.1"`, "to.name: is missing"},
		"a lookup with a protocol":        {lookup, `"source"`, `"protocol":"UDP","source"`, "protocol: belongs to a connection"},
		"a translated lookup":             {lookup, `"source"`, `"translated":"10.0.0.1:1","source"`, "translated: belongs to a connection"},
		"many aliases":                    {lookup, `"source"`, `"aliases":["a","a","a","a","a","a","a","a","a"],"source"`, "aliases: has 9 names, over 8"},
		"an alias of nothing":             {lookup, `"source"`, `"aliases":[""],"source"`, `aliases: "" is empty or ends with a dot`},
		"aliases that are one text":       {lookup, `"source"`, `"aliases":"a","source"`, `aliases: is "string", want a list of texts`},
		"a responder that is a name":      {lookup, `"source"`, `"responder":"dns","source"`, `responder: "dns" is not`},
		"a TTL below a second":            {lookup, `"source"`, `"ttl":"10ms","source"`, `ttl: "10ms" is not a number of whole seconds`},
		"a TTL that lasts":                {lookup, `"source"`, `"ttl":2147483648,"source"`, `ttl: "2147483648" is not`},
		"a TTL that counts down":          {lookup, `"source"`, `"ttl":-1,"source"`, `ttl: "-1" is not`},
		"a TTL that is a list":            {lookup, `"source"`, `"ttl":[1],"source"`, `ttl: "[1]" is not`},
		"bytes that are not text":         {lookup, `a.b`, "\xff", "to.name: "},
		"a line of another thing":         {written, written, "hello", "the line is not a sighting: invalid character"},
		"a value that would fill a page":  {written, `"syn"`, `"` + strings.Repeat("s", 1000) + `"`, `source: "` + strings.Repeat("s", 64) + `" is not`},
		"a field that would fill a page":  {written, `"source"`, `"` + strings.Repeat("s", 1000) + `"`, "the line is not a sighting: unknown field"},
		"a line with a break in its text": {written, `"syn"`, `"a\nb"`, `source: "a\nb" is not`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseLine([]byte(strings.Replace(tc.line, tc.from, tc.to, 1)))
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 300 {
				t.Errorf("ParseLine() = %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestAppendLineKeepsTimesReadable(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(-1<<62, 0), time.Unix(1<<60, 0)} {
		s := Sighting{
			Source: SYN, First: at, Last: at, Count: 1, From: Party{Name: "a"}, To: Party{Name: "b", Port: 1},
			What: What{Act: Connect, Protocol: TCP},
		}
		if _, err := ParseLine(AppendLine(nil, s)); err != nil {
			t.Errorf("a sighting at Unix second %d is written as what is not read: %v", at.Unix(), err)
		}
	}
}

// TestLineLawOfRoundTrip: what a valid sighting makes is one short line, and reads back as that sighting.
func TestLineLawOfRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSighting(t)
		text := AppendLine([]byte("before"), s)
		text, found := bytes.CutPrefix(text, []byte("before"))
		if !found || bytes.Count(text, []byte("\n")) != 1 || len(text) > MaxLine {
			t.Fatalf("AppendLine wrote %q", text)
		}
		got, err := ParseLine(text)
		if err != nil {
			t.Fatalf("ParseLine(%s) = %v", text, err)
		}
		if diff := cmp.Diff(got, s, addresses); diff != "" {
			t.Fatalf("%s (-got +want):\n%s", text, diff)
		}
	})
}

func drawSighting(t *rapid.T) Sighting {
	first := time.Unix(rapid.Int64Range(-1e10, 1e11).Draw(t, "first"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC()
	s := Sighting{
		Source: rapid.SampledFrom(Sources()).Draw(t, "source"),
		First:  first, Last: first.Add(time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "span"))),
		Count: rapid.Uint64Min(1).Draw(t, "count"),
		From:  drawParty(t), To: drawParty(t),
	}
	if rapid.Bool().Draw(t, "lookup") {
		aliases := rapid.SliceOfN(drawName(), 0, maxAliases).Draw(t, "aliases")
		s.What = What{Act: Lookup, Aliases: strings.Join(aliases, " "), Responder: drawAddr(t)}
		s.To.Name = drawName().Draw(t, "name")
		s.TTL = time.Duration(rapid.Int64Range(0, 1<<31-1).Draw(t, "ttl")) * time.Second
		return s
	}
	s.What = What{Act: Connect, Protocol: rapid.SampledFrom([]Protocol{TCP, UDP, SCTP}).Draw(t, "protocol")}
	s.To.Port = rapid.Uint16Min(1).Draw(t, "port")
	for _, port := range rapid.SliceOfN(rapid.Uint16(), 0, MaxPorts+1).Draw(t, "ports") {
		s.Ports = AddPort(s.Ports, port)
	}
	if a := drawAddr(t); a.IsValid() {
		s.What.Translated = netip.AddrPortFrom(a, rapid.Uint16Min(1).Draw(t, "translated"))
	}
	return s
}

func drawParty(t *rapid.T) Party {
	p := Party{
		Addr: drawAddr(t), Port: rapid.Uint16().Draw(t, "port"),
		PodUID: rapid.StringMatching(`[!-.0-~]{0,128}`).Draw(t, "uid"), Pod: rapid.StringMatching(`[!-.0-~]{0,253}`).Draw(t, "pod"),
	}
	if rapid.Bool().Draw(t, "named") {
		p.Name = drawName().Draw(t, "name")
	}
	if rapid.Bool().Draw(t, "claims a workload") || p == (Party{Port: p.Port}) {
		p.Workload = identity.Workload{
			Namespace: rapid.StringMatching(`[a-z-]{1,63}`).Draw(t, "namespace"),
			Kind:      rapid.StringMatching(`[A-Za-z]{0,63}`).Draw(t, "kind"),
			Name:      rapid.StringMatching(`[!-.0-~]{1,253}`).Draw(t, "workload"),
		}
	}
	return p
}

func drawName() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,46}){0,4}`)
}

// drawAddr draws no address, one of IPv4 or one of IPv6.
func drawAddr(t *rapid.T) netip.Addr {
	octets := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "octets")
	a, _ := netip.AddrFromSlice(octets[:rapid.SampledFrom([]int{0, 4, 16}).Draw(t, "length")])
	return a.Unmap()
}

// FuzzParseLine: no line ends the process; what is read is written as a line that reads the same. It does not check that
// what is refused should be.
func FuzzParseLine(f *testing.F) {
	for text := range examples {
		f.Add([]byte(text))
	}
	f.Add([]byte(written))
	f.Add([]byte(`{"source":"dns","ttl":"1h","from":{"workload":{"namespace":1}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseLine(text)
		if err != nil {
			if len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("the error is no short line: %q", err)
			}
			return
		}
		again, err := ParseLine(AppendLine(nil, s))
		if diff := cmp.Diff(again, s, addresses); err != nil || diff != "" {
			t.Errorf("%+v is written as what reads differently: %v\n%s", s, err, diff)
		}
	})
}

func BenchmarkAppendLine(b *testing.B) {
	s := connection("10.1.0.4", 40112, "10.0.0.17", 0)
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = AppendLine(buffer[:0], s)
	}
}

func BenchmarkParseLine(b *testing.B) {
	text := AppendLine(nil, connection("10.1.0.4", 40112, "10.0.0.17", 0))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseLine(text); err != nil {
			b.Fatal(err)
		}
	}
}
