package traffic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/portolan-io/portolan/internal/identity"
)

// MaxLine is the length of the longest line that ParseLine reads, in bytes. No sighting needs more.
const MaxLine = 16 << 10

// line is a sighting as one JSON object. The order of the fields is the order in which they are written.
type line struct {
	Source     Source          `json:"source"`
	First      string          `json:"first"`
	Last       string          `json:"last,omitempty"`
	Count      *uint64         `json:"count,omitempty"`
	From       lineParty       `json:"from"`
	To         lineParty       `json:"to"`
	Act        Act             `json:"act"`
	Protocol   Protocol        `json:"protocol,omitempty"`
	Translated string          `json:"translated,omitempty"`
	Aliases    []string        `json:"aliases,omitempty"`
	Responder  string          `json:"responder,omitempty"`
	TTL        json.RawMessage `json:"ttl,omitempty"`
	Ports      []uint16        `json:"ports,omitempty"`
}

type lineParty struct {
	Addr     string       `json:"addr,omitempty"`
	Port     uint16       `json:"port,omitempty"`
	Name     string       `json:"name,omitempty"`
	PodUID   string       `json:"podUID,omitempty"`
	Pod      string       `json:"pod,omitempty"`
	Workload lineWorkload `json:"workload,omitzero"`
}

type lineWorkload struct {
	Namespace string `json:"namespace"`
	Kind      string `json:"kind,omitempty"`
	Name      string `json:"name"`
}

// AppendLine appends s to dst as one JSON object and a newline, and returns the extended slice. Times are UTC. It never
// fails: a time outside the years 1 to 9999 is written as the nearest one inside. ParseLine reads every line back that a
// valid sighting makes. docs/sightings.md describes the fields.
func AppendLine(dst []byte, s Sighting) []byte {
	l := line{
		Source: s.Source, First: timeText(s.First), Last: timeText(s.Last), Count: &s.Count,
		From: partyLine(&s.From), To: partyLine(&s.To),
		Act: s.What.Act, Protocol: s.What.Protocol, Translated: addrPortText(s.What.Translated),
		Aliases: strings.Fields(s.What.Aliases), Responder: addrText(s.What.Responder), Ports: s.Ports,
	}
	if s.TTL != 0 {
		l.TTL = strconv.AppendInt(nil, int64(s.TTL/time.Second), 10)
	}
	text, err := json.Marshal(l)
	if err != nil {
		panic("traffic: a line of texts and numbers does not become JSON: " + err.Error())
	}
	return append(append(dst, text...), '\n')
}

func timeText(t time.Time) string {
	t = t.UTC()
	switch {
	case t.Year() < 1:
		t = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	case t.Year() > 9999:
		t = time.Date(9999, 12, 31, 23, 59, 59, int(time.Second-1), time.UTC)
	}
	return t.Format(time.RFC3339Nano)
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().WithZone("").String()
}

func addrPortText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port()).String()
}

func partyLine(p *Party) lineParty {
	w := p.Workload
	return lineParty{
		Addr: addrText(p.Addr), Port: p.Port, Name: p.Name, PodUID: p.PodUID, Pod: p.Pod,
		Workload: lineWorkload{Namespace: w.Namespace, Kind: w.Kind, Name: w.Name},
	}
}

// ParseLine reads one JSON object as AppendLine writes it; blanks around it and its final newline are ignored. Without
// last it is first, without count it is 1. An error names the field and says what is wrong with it, in one line. Nothing
// of text is kept.
func ParseLine(text []byte) (Sighting, error) {
	if len(text) > MaxLine {
		return Sighting{}, fmt.Errorf("the line has %d bytes, over %d", len(text), MaxLine)
	}
	var l line
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&l); err != nil {
		return Sighting{}, lineError(err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return Sighting{}, errors.New("the line goes on behind its object; want one object a line")
	}
	return l.sighting()
}

// lineError says what is wrong with a line in the words of the format rather than in those of a Go program.
func lineError(err error) error {
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		if wrong.Field == "" {
			return errors.New("the line is not a JSON object")
		}
		return fmt.Errorf("%s: is %s, want %s", wrong.Field, shown(wrong.Value), wanted(wrong.Type.Kind()))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the line ends before its object does")
	}
	return fmt.Errorf("the line is not a sighting: %s", beginning(strings.TrimPrefix(err.Error(), "json: ")))
}

// maxReason is how much of a reason that quotes the line is shown, in bytes.
const maxReason = 200

// beginning cuts a reason that quotes something long.
func beginning(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	return strings.ToValidUTF8(reason[:maxReason], "") + "…"
}

func wanted(kind reflect.Kind) string {
	switch kind {
	case reflect.Uint16:
		return "a number from 0 to 65535"
	case reflect.Uint64:
		return "a whole number"
	case reflect.Slice:
		return "a list of texts"
	case reflect.Struct:
		return "an object"
	default:
		return "a text"
	}
}

func (l *line) sighting() (s Sighting, err error) {
	s = Sighting{Source: l.Source, Count: 1}
	if !l.Source.known() {
		return s, fmt.Errorf("source: %s is not a source; want one of %s", shown(string(l.Source)), sourceNames())
	}
	if s.First, s.Last, err = l.times(); err != nil {
		return s, err
	}
	if l.Count != nil {
		s.Count = *l.Count
	}
	if s.Count < 1 {
		return s, errors.New("count: is 0; want at least 1")
	}
	if s.From, err = l.From.party(); err != nil {
		return s, fmt.Errorf("from%w", err)
	}
	if s.To, err = l.To.party(); err != nil {
		return s, fmt.Errorf("to%w", err)
	}
	if err := l.checkPorts(); err != nil {
		return s, fmt.Errorf("ports: %w", err)
	}
	if len(l.Ports) > 0 {
		s.Ports = l.Ports
	}
	switch l.Act {
	case Connect:
		s.What, err = l.connect()
	case Lookup:
		s.What, s.TTL, err = l.lookup()
	default:
		err = fmt.Errorf("act: %s is no act; want %s or %s", shown(string(l.Act)), Connect, Lookup)
	}
	return s, err
}

func (l *line) checkPorts() error {
	if len(l.Ports) > 0 && l.Act != Connect {
		return errors.New("belong to a connect")
	}
	return CheckPorts(l.Ports)
}

func (l *line) times() (first, last time.Time, err error) {
	if first, err = parseTime("first", l.First); err != nil {
		return first, last, err
	}
	if l.Last == "" {
		return first, first, nil
	}
	if last, err = parseTime("last", l.Last); err != nil {
		return first, last, err
	}
	if last.Before(first) {
		return first, last, errors.New("last: is before first")
	}
	return first, last, nil
}

func parseTime(field, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	t = t.UTC()
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return t, fmt.Errorf("%s: %s is not a time like 2026-11-20T09:00:00.25Z", field, shown(text))
	}
	return t, nil
}

// party returns errors that begin with ": " or with ".field: ", to be put behind the party's name.
func (l *lineParty) party() (Party, error) {
	w := identity.Workload{Namespace: l.Workload.Namespace, Kind: l.Workload.Kind, Name: l.Workload.Name}
	p := Party{Port: l.Port, Name: l.Name, PodUID: l.PodUID, Pod: l.Pod, Workload: w}
	var err error
	if p.Addr, err = parseAddr(l.Addr); err != nil {
		return p, fmt.Errorf(".addr: %w", err)
	}
	return p, checkParty(&p)
}

func parseAddr(text string) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%s is not an IPv4 or IPv6 address without zone", shown(text))
	}
	return a.Unmap(), nil
}

func (l *line) connect() (What, error) {
	what := What{Act: Connect, Protocol: l.Protocol}
	switch {
	case !l.Protocol.known():
		return what, fmt.Errorf("protocol: %s is no protocol; want %s, %s or %s", shown(string(l.Protocol)), TCP, UDP, SCTP)
	case l.To.Port == 0:
		return what, errors.New("to.port: is missing; a connection has a server port")
	case len(l.Aliases) > 0:
		return what, errors.New("aliases: belong to a lookup, and this is a connection")
	case l.Responder != "":
		return what, errors.New("responder: belongs to a lookup, and this is a connection")
	case len(l.TTL) > 0:
		return what, errors.New("ttl: belongs to a lookup, and this is a connection")
	case l.Translated == "":
		return what, nil
	}
	to, err := netip.ParseAddrPort(l.Translated)
	if err != nil || to.Port() == 0 || to.Addr().Zone() != "" {
		return what, fmt.Errorf("translated: %s is not an address with a port like 10.0.0.7:8080 or [fd00::7]:8080", shown(l.Translated))
	}
	what.Translated = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	return what, nil
}

func (l *line) lookup() (What, time.Duration, error) {
	what := What{Act: Lookup}
	switch {
	case l.To.Name == "":
		return what, 0, errors.New("to.name: is missing; a lookup has the name of its question")
	case l.Protocol != "":
		return what, 0, errors.New("protocol: belongs to a connection, and this is a lookup")
	case l.Translated != "":
		return what, 0, errors.New("translated: belongs to a connection, and this is a lookup")
	case len(l.Aliases) > maxAliases:
		return what, 0, fmt.Errorf("aliases: has %d names, over %d", len(l.Aliases), maxAliases)
	}
	for _, alias := range l.Aliases {
		if err := CheckName(alias); err != nil {
			return what, 0, fmt.Errorf("aliases: %w", err)
		}
	}
	responder, err := parseAddr(l.Responder)
	if err != nil {
		return what, 0, fmt.Errorf("responder: %w", err)
	}
	ttl, err := parseTTL(l.TTL)
	what.Aliases, what.Responder = strings.Join(l.Aliases, " "), responder
	return what, ttl, err
}

// parseTTL reads a number of seconds, or a text with a duration as Go spells it.
func parseTTL(raw json.RawMessage) (time.Duration, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return 0, nil
	}
	text, unit := string(raw), "s"
	if quoted := ""; json.Unmarshal(raw, &quoted) == nil {
		text, unit = quoted, ""
	}
	ttl, err := time.ParseDuration(text + unit)
	if err != nil || ttl < 0 || ttl > maxTTL || ttl%time.Second != 0 {
		return 0, fmt.Errorf("ttl: %s is not a number of whole seconds up to %d, nor a duration of as much like \"5m\"", shown(text), maxTTL/time.Second)
	}
	return ttl, nil
}
