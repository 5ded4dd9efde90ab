package wire

import (
	"net/netip"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/portolan-io/portolan/internal/traffic"
)

// mixedBatch is a batch as a busy node cuts it: half connections, half lookups.
func mixedBatch() []traffic.Sighting {
	list := connections(5_000)
	for i := range list {
		if i%2 == 1 {
			from := list[i].From
			list[i] = fullLookup()
			list[i].From = from
			list[i].To.Addr = netip.AddrFrom4([4]byte{185, 53, byte(i >> 8), byte(i)})
		}
	}
	return list
}

// BenchmarkEncodeBatch measures the agent's side of 5,000 sightings: values to bytes.
func BenchmarkEncodeBatch(b *testing.B) {
	list := mixedBatch()
	b.ReportAllocs()
	var size int
	for b.Loop() {
		encoded, err := newBatch(list)
		if err != nil {
			b.Fatal(err)
		}
		size = len(encoded.body)
	}
	b.ReportMetric(float64(size)/float64(len(list)), "bytes/sighting")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/sighting")
}

// BenchmarkDecodeBatch measures the operator's side of 5,000 sightings: bytes to checked values, with the look for
// unknown fields.
func BenchmarkDecodeBatch(b *testing.B) {
	encoded, err := newBatch(mixedBatch())
	if err != nil {
		b.Fatal(err)
	}
	body, err := proto.Marshal(encoded.request())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var request reportRequest
		if err := (protoCodec{}).Unmarshal(body, &request); err != nil {
			b.Fatal(err)
		}
		if accepted, _ := readSightings(request.GetSightings(), nil); len(accepted) != 5_000 {
			b.Fatalf("%d accepted", len(accepted))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5_000, "ns/sighting")
}

// BenchmarkMergeBatches measures what a full queue costs at each push: two batches of 5,000 that share half.
func BenchmarkMergeBatches(b *testing.B) {
	list := mixedBatch()
	one, two := mustBatch(b, list...), mustBatch(b, append(list[:2_500:2_500], connections(2_500)...)...)
	b.ReportAllocs()
	for b.Loop() {
		if _, merged := merge(&one, &two); !merged {
			b.Fatal("not merged")
		}
	}
}
