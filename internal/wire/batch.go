package wire

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

// batch is what the queue holds: sightings in their encoded form, which is a sixth of their size as values. Its content
// never changes, and its number never again once it has one.
type batch struct {
	seq       uint64 // 0 until it is sent for the first time
	body      []byte // a ReportRequest with sightings and nothing else
	sightings int    // how many sightings body holds
	weight    uint64 // what they stand for: the sum of their counts

	apart  bool // it makes no batch with the one behind it in the queue
	unlike bool // it makes one that is hardly shorter than both
}

// maxBody bounds the encoded sightings of one batch. It is far below MaxCompressed, so a batch passes even if it does not
// compress, and far below the bound of the queue, so a batch never fills it alone.
const maxBody = 1 << 20

// cutBatches encodes sightings into batches that the operator accepts: at most maxBody bytes each. There are at most
// MaxSightings of them. A sighting that is over maxBody alone makes a batch of its own.
func cutBatches(sightings []traffic.Sighting) ([]batch, error) {
	var batches []batch
	for len(sightings) > 0 {
		n := len(sightings)
		b, err := newBatch(sightings[:n])
		for err == nil && len(b.body) > maxBody && n > 1 {
			n /= 2
			b, err = newBatch(sightings[:n])
		}
		if err != nil {
			return batches, err
		}
		batches, sightings = append(batches, b), sightings[n:]
	}
	return batches, nil
}

// newBatch encodes sightings.
func newBatch(sightings []traffic.Sighting) (batch, error) {
	request := &wirepb.ReportRequest{Sightings: make([]*wirepb.Sighting, len(sightings))}
	b := batch{sightings: len(sightings), weight: weigh(sightings)}
	for i := range sightings {
		request.Sightings[i] = toWire(&sightings[i])
	}
	var err error
	if b.body, err = proto.Marshal(request); err != nil {
		return b, fmt.Errorf("encoding %d sightings: %w", b.sightings, err)
	}
	return b, nil
}

func weigh(sightings []traffic.Sighting) uint64 {
	var sum uint64
	for i := range sightings {
		sum += sightings[i].Count
	}
	return sum
}

// request returns a request that carries the batch and has every other field empty but the number.
//
// The encoded sightings ride along as they are: protobuf writes the fields that a message was not asked to read exactly
// as it got them, and a reader cannot tell the difference. A repeated attempt thus neither decodes nor encodes them.
func (b *batch) request() *wirepb.ReportRequest {
	request := &wirepb.ReportRequest{Seq: b.seq}
	request.ProtoReflect().SetUnknown(b.body)
	return request
}

// decode returns the sightings of the batch in the form of the schema.
func (b *batch) decode() ([]*wirepb.Sighting, error) {
	var request wirepb.ReportRequest
	if err := proto.Unmarshal(b.body, &request); err != nil {
		return nil, fmt.Errorf("decoding a batch of %d sightings: %w", b.sightings, err)
	}
	return request.GetSightings(), nil
}

// refusedWeight returns what the refused sightings of an answer stand for. Positions that the batch does not have count
// nothing.
func (b *batch) refusedWeight(rejected []*wirepb.Rejection) uint64 {
	if len(rejected) == 0 {
		return 0
	}
	sightings, err := b.decode()
	if err != nil {
		return 0
	}
	var sum uint64
	counted := make(map[uint32]bool, len(rejected))
	for _, r := range rejected {
		if i := r.GetIndex(); int64(i) < int64(len(sightings)) && !counted[i] {
			counted[i] = true
			sum += sightings[i].GetCount()
		}
	}
	return sum
}

// merge folds two batches into one. It reports false if the result would be more than one request may hold, or if a
// sighting has a form that only the operator should judge.
func merge(a, b *batch) (batch, bool) {
	window := traffic.NewWindow(MaxSightings)
	for _, part := range []*batch{a, b} {
		if !part.foldInto(window) {
			return batch{}, false
		}
	}
	merged, err := newBatch(window.Drain(nil, 0))
	return merged, err == nil && len(merged.body) <= maxBody
}

func (b *batch) foldInto(window *traffic.Window) bool {
	sightings, err := b.decode()
	if err != nil {
		return false
	}
	for _, w := range sightings {
		s, err := fromWire(w)
		if err != nil || !window.Add(s) {
			return false
		}
	}
	return true
}
