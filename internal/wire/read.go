package wire

import (
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

// readSightings returns the well-formed sightings of a batch and, for each other one, its position and what is wrong
// with it; words are what JSON said there and decoding could not keep. Both are in the order of the batch; together they are
// as many as the batch has.
func readSightings(batch []*wirepb.Sighting, words map[int]word) ([]traffic.Sighting, []*wirepb.Rejection) {
	accepted := make([]traffic.Sighting, 0, len(batch))
	var rejected []*wirepb.Rejection
	for i, w := range batch {
		s, err := fromWire(w)
		if err != nil {
			reason := err.Error()
			if w, misnamed := words[i]; misnamed {
				reason = w.String()
			}
			rejected = append(rejected, &wirepb.Rejection{Index: uint32(i), Reason: reason})
			continue
		}
		accepted = append(accepted, s)
	}
	return accepted, rejected
}

// skewTolerated is how far an agent's clock may be off before its times are corrected. The way from the agent to the
// operator is part of the difference.
const skewTolerated = 5 * time.Second

// shift corrects the times of a batch in place by skew, the operator's clock less the agent's, when it is over 5 s in
// either direction, and turns what still lies in the future into now. It returns the same slice.
func shift(sightings []traffic.Sighting, skew time.Duration, now time.Time) []traffic.Sighting {
	if skew.Abs() <= skewTolerated {
		skew = 0
	}
	for i := range sightings {
		s := &sightings[i]
		s.First, s.Last = notAfter(s.First.Add(skew), now), notAfter(s.Last.Add(skew), now)
	}
	return sightings
}

func notAfter(t, now time.Time) time.Time {
	if t.After(now) {
		return now
	}
	return t
}
