package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

// toWire returns s in the form of the schema. It never fails: what the schema cannot say (an unknown source or act) is
// left unset, and the operator refuses that one sighting.
func toWire(s *traffic.Sighting) *wirepb.Sighting {
	w := &wirepb.Sighting{
		Source: sourceToWire(s.Source),
		First:  timestamppb.New(s.First),
		Last:   timestamppb.New(s.Last),
		Count:  s.Count,
		From:   partyToWire(&s.From),
		To:     partyToWire(&s.To),
	}
	switch s.What.Act {
	case traffic.Connect:
		w.Use = &wirepb.Sighting_Connect{Connect: connectToWire(&s.What)}
		w.ClientPorts = portsToWire(s.Ports)
	case traffic.Lookup:
		w.Use = &wirepb.Sighting_Lookup{Lookup: lookupToWire(&s.What, s.TTL)}
	}
	return w
}

func portsToWire(ports []uint16) []uint32 {
	if len(ports) == 0 {
		return nil
	}
	all := make([]uint32, len(ports))
	for i, port := range ports {
		all[i] = uint32(port)
	}
	return all
}

// portsFromWire leaves out the ports of what is no connect.
func portsFromWire(w *wirepb.Sighting) ([]uint16, error) {
	if len(w.GetClientPorts()) == 0 || w.GetConnect() == nil {
		return nil, nil
	}
	if n := len(w.GetClientPorts()); n > traffic.MaxPorts {
		return nil, fmt.Errorf("has %d ports, over %d", n, traffic.MaxPorts)
	}
	all := make([]uint16, len(w.GetClientPorts()))
	for i, port := range w.GetClientPorts() {
		if port > maxPort {
			return nil, fmt.Errorf("%d is over %d", port, maxPort)
		}
		all[i] = uint16(port)
	}
	return all, traffic.CheckPorts(all)
}

func partyToWire(p *traffic.Party) *wirepb.Party {
	w := &wirepb.Party{Addr: addrToWire(p.Addr), Port: uint32(p.Port), Name: p.Name, PodUid: p.PodUID, Pod: p.Pod}
	if !p.Workload.IsZero() {
		w.Workload = &wirepb.Workload{Namespace: p.Workload.Namespace, Kind: p.Workload.Kind, Name: p.Workload.Name}
	}
	return w
}

func connectToWire(what *traffic.What) *wirepb.Connect {
	return &wirepb.Connect{
		Protocol:       protocolToWire(what.Protocol),
		TranslatedAddr: addrToWire(what.Translated.Addr()),
		TranslatedPort: uint32(what.Translated.Port()),
	}
}

func lookupToWire(what *traffic.What, ttl time.Duration) *wirepb.Lookup {
	return &wirepb.Lookup{
		Aliases:    strings.Fields(what.Aliases),
		Responder:  addrToWire(what.Responder),
		TtlSeconds: uint32(min(max(ttl/time.Second, 0), maxTTLSeconds)),
	}
}

func addrToWire(a netip.Addr) []byte {
	return a.Unmap().AsSlice()
}

// fromWire returns the sighting that w says, with every field checked. Times are UTC, addresses unmapped.
//
// An error names the field and what is wrong with it, in words for the person who reads the answer; it holds no more
// than 100 bytes of what was sent.
func fromWire(w *wirepb.Sighting) (traffic.Sighting, error) {
	s := traffic.Sighting{Source: sourceFromWire(w.GetSource()), Count: w.GetCount()}
	if s.Source == "" {
		return s, fmt.Errorf("source: %d is not a source this operator knows", w.GetSource())
	}
	if s.Count < 1 || s.Count > maxCount {
		return s, fmt.Errorf("count: %d is not between 1 and %d", s.Count, uint64(maxCount))
	}
	var err error
	if s.First, s.Last, err = timesFromWire(w); err != nil {
		return s, err
	}
	if s.From, err = partyFromWire(w.GetFrom()); err != nil {
		return s, fmt.Errorf("from%w", err)
	}
	if s.To, err = partyFromWire(w.GetTo()); err != nil {
		return s, fmt.Errorf("to%w", err)
	}
	if s.Ports, err = portsFromWire(w); err != nil {
		return s, fmt.Errorf("client_ports: %w", err)
	}
	s.What, s.TTL, err = useFromWire(w, &s.To)
	return s, err
}

func timesFromWire(w *wirepb.Sighting) (first, last time.Time, err error) {
	if first, err = timeFromWire("first", w.GetFirst()); err != nil {
		return first, last, err
	}
	if last, err = timeFromWire("last", w.GetLast()); err != nil {
		return first, last, err
	}
	if last.Before(first) {
		return first, last, errors.New("last: is before first")
	}
	return first, last, nil
}

func timeFromWire(field string, t *timestamppb.Timestamp) (time.Time, error) {
	if t == nil {
		return time.Time{}, fmt.Errorf("%s: the time is missing", field)
	}
	if t.CheckValid() != nil {
		return time.Time{}, fmt.Errorf("%s: is not a time between the years 1 and 9999", field)
	}
	return t.AsTime(), nil
}

// partyFromWire returns errors that begin with ": " or with ".field: ", to be put behind the party's name.
func partyFromWire(w *wirepb.Party) (traffic.Party, error) {
	p := traffic.Party{Name: w.GetName(), PodUID: w.GetPodUid(), Pod: w.GetPod()}
	if v := w.GetWorkload(); v != nil {
		p.Workload = identity.Workload{Namespace: v.GetNamespace(), Kind: v.GetKind(), Name: v.GetName()}
	}
	var err error
	if p.Addr, err = addrFromWire(w.GetAddr()); err != nil {
		return p, fmt.Errorf(".addr: %w", err)
	}
	if p == (traffic.Party{}) {
		return p, errors.New(": nothing is known of this party; want an address, a name, a pod or a workload")
	}
	if p.Port, err = portFromWire(w.GetPort()); err != nil {
		return p, fmt.Errorf(".port: %w", err)
	}
	return p, checkClaims(&p)
}

func addrFromWire(b []byte) (netip.Addr, error) {
	if len(b) == 0 {
		return netip.Addr{}, nil
	}
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return netip.Addr{}, fmt.Errorf("has %d bytes; an address has 4 or 16", len(b))
	}
	return a.Unmap(), nil
}

func portFromWire(port uint32) (uint16, error) {
	if port > maxPort {
		return 0, fmt.Errorf("%d is over %d", port, maxPort)
	}
	return uint16(port), nil
}

func useFromWire(w *wirepb.Sighting, server *traffic.Party) (traffic.What, time.Duration, error) {
	switch use := w.GetUse().(type) {
	case *wirepb.Sighting_Connect:
		what, err := connectFromWire(use.Connect, server)
		return what, 0, err
	case *wirepb.Sighting_Lookup:
		return lookupFromWire(use.Lookup, server)
	default:
		return traffic.What{}, 0, errors.New("use: is missing, or of a kind this operator does not know")
	}
}

func connectFromWire(w *wirepb.Connect, server *traffic.Party) (traffic.What, error) {
	what := traffic.What{Act: traffic.Connect, Protocol: protocolFromWire(w.GetProtocol())}
	if what.Protocol == "" {
		return what, fmt.Errorf("connect.protocol: %d is not a protocol this operator knows", w.GetProtocol())
	}
	if server.Port == 0 {
		return what, errors.New("to.port: is missing; a connection has a server port")
	}
	addr, err := addrFromWire(w.GetTranslatedAddr())
	if err != nil {
		return what, fmt.Errorf("connect.translated_addr: %w", err)
	}
	port, err := portFromWire(w.GetTranslatedPort())
	if err != nil {
		return what, fmt.Errorf("connect.translated_port: %w", err)
	}
	if addr.IsValid() != (port != 0) {
		return what, errors.New("connect.translated_addr: address and port come together or not at all")
	}
	what.Translated = translated(addr, port)
	return what, nil
}

// translated keeps the zero AddrPort for "no translation", so that equal sightings stay equal.
func translated(addr netip.Addr, port uint16) netip.AddrPort {
	if !addr.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, port)
}

func lookupFromWire(w *wirepb.Lookup, server *traffic.Party) (traffic.What, time.Duration, error) {
	what := traffic.What{Act: traffic.Lookup}
	if server.Name == "" {
		return what, 0, errors.New("to.name: is missing; a lookup has the name of its question")
	}
	if n := len(w.GetAliases()); n > maxAliases {
		return what, 0, fmt.Errorf("lookup.aliases: has %d names, over %d", n, maxAliases)
	}
	for _, alias := range w.GetAliases() {
		if err := traffic.CheckName(alias); err != nil {
			return what, 0, fmt.Errorf("lookup.aliases: %w", err)
		}
	}
	if w.GetTtlSeconds() > maxTTLSeconds {
		return what, 0, fmt.Errorf("lookup.ttl_seconds: %d is over %d", w.GetTtlSeconds(), maxTTLSeconds)
	}
	responder, err := addrFromWire(w.GetResponder())
	if err != nil {
		return what, 0, fmt.Errorf("lookup.responder: %w", err)
	}
	what.Aliases, what.Responder = strings.Join(w.GetAliases(), " "), responder
	return what, time.Duration(w.GetTtlSeconds()) * time.Second, nil
}
