package query

import (
	"errors"
	"net/netip"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/query/querypb"
	"github.com/portolan-io/portolan/internal/traffic"
)

func fromMissing(m Missing) *querypb.RefusedRequest {
	return &querypb.RefusedRequest{From: fromSide(m.From), To: fromSide(m.To), Port: uint32(m.Port), Protocol: string(m.Protocol)}
}

func toMissing(r *querypb.RefusedRequest) (Missing, error) {
	from, err := toSide(r.GetFrom())
	to, err2 := toSide(r.GetTo())
	if r.GetPort() > 65535 {
		err = errors.Join(err, errors.New("port: want at most 65535"))
	}
	return Missing{From: from, To: to, Port: uint16(min(r.GetPort(), 65535)), Protocol: traffic.Protocol(r.GetProtocol())}, errors.Join(err, err2)
}

func fromSide(s Side) *querypb.Side {
	return &querypb.Side{
		Namespace: s.Workload.Namespace, Kind: s.Workload.Kind, Name: s.Workload.Name,
		Host: s.Host, Address: s.Addr.AsSlice(), Outside: s.Outside,
	}
}

func toSide(s *querypb.Side) (Side, error) {
	side := Side{
		Workload: identity.Workload{Namespace: s.GetNamespace(), Kind: s.GetKind(), Name: s.GetName()},
		Host:     s.GetHost(), Outside: s.GetOutside(),
	}
	if len(s.GetAddress()) == 0 {
		return side, nil
	}
	addr, valid := netip.AddrFromSlice(s.GetAddress())
	if !valid {
		return side, errors.New("address: want 4 or 16 bytes")
	}
	side.Addr = addr.Unmap()
	return side, nil
}

func fromRefused(all []Refused) *querypb.RefusedResponse {
	out := &querypb.RefusedResponse{}
	for _, r := range all {
		out.Sightings = append(out.Sightings, &querypb.RefusedSighting{
			Reason: r.Reason, Source: r.Source, Last: stamp(r.Last), Count: r.Count, Sighting: r.Sighting, Meaning: r.Meaning,
		})
	}
	return out
}

func toRefused(r *querypb.RefusedResponse) []Refused {
	var all []Refused
	for _, s := range r.GetSightings() {
		all = append(all, Refused{
			Reason: s.GetReason(), Source: s.GetSource(), Last: instant(s.GetLast()), Count: s.GetCount(),
			Sighting: s.GetSighting(), Meaning: s.GetMeaning(),
		})
	}
	return all
}
