package wire

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

func TestSightingsComeBackAsTheyWent(t *testing.T) {
	for name, want := range map[string]traffic.Sighting{
		"a connection with every field":   fullSighting(),
		"a lookup with every field":       fullLookup(),
		"a connection with the least set": connection(1, 1),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := fromWire(toWire(&want))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, want, addresses); diff != "" {
				t.Errorf("sighting after the round trip (-got +want):\n%s", diff)
			}
		})
	}
}

func TestEverySourceAndProtocolHasANumber(t *testing.T) {
	for _, source := range []traffic.Source{
		traffic.DNS, traffic.SYN, traffic.Socket, traffic.Flow, traffic.Kafka, traffic.Envoy, traffic.Spans, traffic.Offline,
	} {
		if got := sourceFromWire(sourceToWire(source)); got != source {
			t.Errorf("source %q comes back as %q", source, got)
		}
	}
	for _, protocol := range []traffic.Protocol{traffic.TCP, traffic.UDP, traffic.SCTP} {
		if got := protocolFromWire(protocolToWire(protocol)); got != protocol {
			t.Errorf("protocol %q comes back as %q", protocol, got)
		}
	}
}

func TestMappedAddressesBecomeIPv4(t *testing.T) {
	w := toWire(new(connection(1, 1)))
	w.From.Addr = netip.MustParseAddr("::ffff:10.1.0.1").AsSlice()
	got, err := fromWire(w)
	if err != nil || got.From.Addr != netip.MustParseAddr("10.1.0.1") {
		t.Errorf("from = %v, %v; want 10.1.0.1", got.From.Addr, err)
	}
}

func TestBadSightingsAreRefusedWithTheFieldAndTheCause(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(*wirepb.Sighting)
		want  string
	}{
		"an unknown source": {
			func(w *wirepb.Sighting) { w.Source = 99 }, "source: 99 is not a source this operator knows",
		},
		"no source": {
			func(w *wirepb.Sighting) { w.Source = 0 }, "source: 0 is not a source this operator knows",
		},
		"a count of nothing": {
			func(w *wirepb.Sighting) { w.Count = 0 }, "count: 0 is not between 1 and 1099511627776",
		},
		"a count beyond measure": {
			func(w *wirepb.Sighting) { w.Count = 1 << 63 }, "count: 9223372036854775808 is not between 1 and 1099511627776",
		},
		"no first time": {
			func(w *wirepb.Sighting) { w.First = nil }, "first: the time is missing",
		},
		"no last time": {
			func(w *wirepb.Sighting) { w.Last = nil }, "last: the time is missing",
		},
		"a time that is none": {
			func(w *wirepb.Sighting) { w.Last = &timestamppb.Timestamp{Nanos: -1} }, "last: is not a time between the years 1 and 9999",
		},
		"an end before the beginning": {
			func(w *wirepb.Sighting) { w.Last = timestamppb.New(nine.Add(-time.Hour)) }, "last: is before first",
		},
		"no client": {
			func(w *wirepb.Sighting) { w.From = nil }, "from: nothing is known of this party; want an address, a name, a pod or a workload",
		},
		"a server that is only a port": {
			func(w *wirepb.Sighting) { w.To = &wirepb.Party{Port: 80} }, "to: nothing is known of this party; want an address, a name, a pod or a workload",
		},
		"an address of five bytes": {
			func(w *wirepb.Sighting) { w.From.Addr = []byte("12345") }, "from.addr: has 5 bytes; an address has 4 or 16",
		},
		"a port over 65535": {
			func(w *wirepb.Sighting) { w.To.Port = 65536 }, "to.port: 65536 is over 65535",
		},
		"a name over 253 bytes": {
			func(w *wirepb.Sighting) { w.To.Name = strings.Repeat("a.", 130) + "a" }, "to.name: has 261 bytes, over 253",
		},
		"a label over 63 bytes": {
			func(w *wirepb.Sighting) { w.To.Name = strings.Repeat("a", 64) + ".de" }, `to.name: "` + strings.Repeat("a", 64) + `" has a label over 63 bytes`,
		},
		"a name with a capital letter": {
			func(w *wirepb.Sighting) { w.To.Name = "Shop.example" }, `to.name: "Shop.example" has a byte other than a-z, 0-9, '-', '_' and '.'`,
		},
		"a name with a control byte": {
			func(w *wirepb.Sighting) { w.To.Name = "a\nb" }, `to.name: "a\nb" has a byte other than a-z, 0-9, '-', '_' and '.'`,
		},
		"a name with a final dot": {
			func(w *wirepb.Sighting) { w.To.Name = "shop.example." }, `to.name: "shop.example." is empty or ends with a dot`,
		},
		"a name with an empty label": {
			func(w *wirepb.Sighting) { w.To.Name = "shop..example" }, `to.name: "shop..example" has an empty label`,
		},
		"a pod with a slash": {
			func(w *wirepb.Sighting) { w.From.Pod = "../etc" }, `from.pod: "../etc" has a blank, a '/', or a byte that is not printable ASCII`,
		},
		"a pod UID that is too long": {
			func(w *wirepb.Sighting) { w.From.PodUid = strings.Repeat("a", 129) }, "from.pod_uid: has 129 bytes, over 128",
		},
		"a workload without a name": {
			func(w *wirepb.Sighting) { w.From.Workload = &wirepb.Workload{Namespace: "shop"} }, ".workload: wants a namespace and a name",
		},
		"a workload with a blank in its kind": {
			func(w *wirepb.Sighting) {
				w.From.Workload = &wirepb.Workload{Namespace: "shop", Kind: "Deploy ment", Name: "a"}
			}, `.workload.kind: "Deploy ment" has a blank, a '/', or a byte that is not printable ASCII`,
		},
		"no use": {
			func(w *wirepb.Sighting) { w.Use = nil }, "use: is missing, or of a kind this operator does not know",
		},
		"an unknown protocol": {
			func(w *wirepb.Sighting) { w.GetConnect().Protocol = 9 }, "connect.protocol: 9 is not a protocol this operator knows",
		},
		"a connection to no port": {
			func(w *wirepb.Sighting) { w.To.Port = 0 }, "to.port: is missing; a connection has a server port",
		},
		"a translated address without a port": {
			func(w *wirepb.Sighting) { w.GetConnect().TranslatedAddr = []byte{10, 0, 0, 1} }, "connect.translated_addr: address and port come together or not at all",
		},
		"a translated port over 65535": {
			func(w *wirepb.Sighting) { w.GetConnect().TranslatedPort = 1 << 20 }, "connect.translated_port: 1048576 is over 65535",
		},
		"a lookup without a name": {
			func(w *wirepb.Sighting) { w.Use = &wirepb.Sighting_Lookup{} }, "to.name: is missing; a lookup has the name of its question",
		},
		"a lookup with nine aliases": {
			lookup(&wirepb.Lookup{Aliases: strings.Split(strings.Repeat("a ", 9), " ")}), "lookup.aliases: has 10 names, over 8",
		},
		"a lookup with a bad alias": {
			lookup(&wirepb.Lookup{Aliases: []string{"a b"}}), `lookup.aliases: "a b" has a byte other than a-z, 0-9, '-', '_' and '.'`,
		},
		"a lookup with an endless TTL": {
			lookup(&wirepb.Lookup{TtlSeconds: 1 << 31}), "lookup.ttl_seconds: 2147483648 is over 2147483647",
		},
		"a lookup with a bad responder": {
			lookup(&wirepb.Lookup{Responder: []byte{1}}), "lookup.responder: has 1 bytes; an address has 4 or 16",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := toWire(new(connection(1, 1)))
			tc.spoil(w)
			_, err := fromWire(w)
			if err == nil || !strings.HasSuffix(err.Error(), tc.want) {
				t.Errorf("error = %v, want %s", err, tc.want)
			}
		})
	}
}

func lookup(use *wirepb.Lookup) func(*wirepb.Sighting) {
	return func(w *wirepb.Sighting) {
		w.To.Name, w.Use = "shop.example", &wirepb.Sighting_Lookup{Lookup: use}
	}
}

func TestOneBadSightingCostsNoOther(t *testing.T) {
	batch := []*wirepb.Sighting{toWire(new(connection(1, 1))), nil, toWire(new(fullLookup()))}
	accepted, rejected := readSightings(batch, nil)
	if len(accepted) != 2 || len(rejected) != 1 || rejected[0].GetIndex() != 1 {
		t.Errorf("accepted %d, rejected %v; want 2 and the one at index 1", len(accepted), rejected)
	}
}

func TestTimesAreCorrectedForClockSkew(t *testing.T) {
	now := nine.Add(time.Hour)
	for name, tc := range map[string]struct {
		seen, skew, want time.Duration // seen and want relative to now
	}{
		"a small difference is the way and changes nothing": {-time.Minute, 5 * time.Second, -time.Minute},
		"an agent that is behind is shifted forward":        {-time.Hour, 50 * time.Minute, -10 * time.Minute},
		"an agent that is ahead is shifted back":            {30 * time.Minute, -40 * time.Minute, -10 * time.Minute},
		"a time in the future becomes now":                  {3 * time.Second, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := connection(1, 1)
			s.First, s.Last = now.Add(tc.seen), now.Add(tc.seen)
			got := shift([]traffic.Sighting{s}, tc.skew, now)[0]
			if want := now.Add(tc.want); !got.First.Equal(want) || !got.Last.Equal(want) {
				t.Errorf("shifted to %v and %v, want %v", got.First, got.Last, want)
			}
		})
	}
}

func TestWhatIsAcceptedIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawSighting(t)
		s, err := fromWire(w)
		if err != nil {
			return
		}
		again, err := fromWire(toWire(&s))
		if err != nil || !sameSighting(again, s) {
			t.Fatalf("sighting changed on its second trip: %v\n%v\n%v", err, s, again)
		}
	})
}

// drawSighting draws a sighting in which any field may be wrong.
func drawSighting(t *rapid.T) *wirepb.Sighting {
	addr := rapid.SliceOfN(rapid.Byte(), 0, 17)
	party := func(label string) *wirepb.Party {
		return &wirepb.Party{
			Addr: addr.Draw(t, label), Port: rapid.Uint32Range(0, 70000).Draw(t, label+" port"),
			Name: rapid.StringMatching(`[a-zA-Z.]{0,5}`).Draw(t, label+" name"),
		}
	}
	w := &wirepb.Sighting{
		Source: wirepb.Source(rapid.Int32Range(0, 9).Draw(t, "source")),
		First:  timestamppb.New(nine), Last: timestamppb.New(nine.Add(time.Duration(rapid.Int64Range(-2, 9).Draw(t, "last")))),
		Count: rapid.Uint64Range(0, 9).Draw(t, "count"), From: party("from"), To: party("to"),
	}
	if rapid.Bool().Draw(t, "lookup") {
		w.Use = &wirepb.Sighting_Lookup{Lookup: &wirepb.Lookup{
			Aliases: rapid.SliceOfN(rapid.StringMatching(`[a-z.]{1,4}`), 0, 9).Draw(t, "aliases"), Responder: addr.Draw(t, "responder"),
		}}
		return w
	}
	w.Use = &wirepb.Sighting_Connect{Connect: &wirepb.Connect{
		Protocol:       wirepb.Protocol(rapid.Int32Range(0, 4).Draw(t, "protocol")),
		TranslatedAddr: addr.Draw(t, "translated"), TranslatedPort: rapid.Uint32Range(0, 2).Draw(t, "translated port"),
	}}
	w.ClientPorts = rapid.SliceOfN(rapid.Uint32Range(0, 1<<16), 0, 3).Draw(t, "client ports")
	return w
}

func sameSighting(a, b traffic.Sighting) bool { return reflect.DeepEqual(a, b) }

// FuzzReadBatch feeds any bytes as a batch. It checks that nothing panics, that each sighting is accepted or rejected, and
// that an accepted one survives another trip. It does not check which are accepted.
func FuzzReadBatch(f *testing.F) {
	for _, list := range [][]traffic.Sighting{connections(3), {fullSighting(), fullLookup()}} {
		b, err := newBatch(list)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b.body)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var request wirepb.ReportRequest
		if (protoCodec{}).Unmarshal(data, &request) != nil {
			return
		}
		accepted, rejected := readSightings(request.GetSightings(), nil)
		if len(accepted)+len(rejected) != len(request.GetSightings()) {
			t.Errorf("%d accepted and %d rejected of %d", len(accepted), len(rejected), len(request.GetSightings()))
		}
		for _, s := range accepted {
			if again, err := fromWire(toWire(&s)); err != nil || !sameSighting(again, s) {
				t.Errorf("sighting changed on its second trip: %v\n%v\n%v", err, s, again)
			}
		}
		_, _ = readEnvelope(&request)
	})
}

func TestABatchIsOneRequestWithItsSightings(t *testing.T) {
	b, err := newBatch([]traffic.Sighting{fullSighting(), fullLookup()})
	if err != nil {
		t.Fatal(err)
	}
	b.seq = 4
	encoded, err := proto.Marshal(b.request())
	if err != nil {
		t.Fatal(err)
	}
	var got wirepb.ReportRequest
	if err := proto.Unmarshal(encoded, &got); err != nil {
		t.Fatal(err)
	}
	if got.GetSeq() != 4 || len(got.GetSightings()) != 2 || len(got.ProtoReflect().GetUnknown()) != 0 {
		t.Errorf("got seq %d, %d sightings, unknown %x", got.GetSeq(), len(got.GetSightings()), got.ProtoReflect().GetUnknown())
	}
}
