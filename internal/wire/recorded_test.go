package wire

import (
	"encoding/binary"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

// recorded is what agents of released and coming versions have sent: bytes in a file, which no change of this program may
// make unreadable. A new version adds a file and changes none.
//
//	2026-11.report.pb      one sighting of each form, a status, a counter
//	2026-11.heartbeat.pb   the same without sightings
//	2026-11.report.json    the report as JSON
func recorded(t *testing.T, name string) []byte {
	t.Helper()
	return must(os.ReadFile(filepath.Join("testdata", "recorded", name)))(t)
}

// TestWhatWasRecordedIsUnderstood: by protobuf and by JSON, with every field at its place.
func TestWhatWasRecordedIsUnderstood(t *testing.T) {
	for _, name := range []string{"2026-11.report.pb", "2026-11.report.json"} {
		t.Run(name, func(t *testing.T) {
			o := startOperator(t)
			header := map[string]string{}
			if strings.HasSuffix(name, ".json") {
				header["Content-Type"] = "application/json"
			}
			status, text, _ := o.post(reportPath, header, recorded(t, name))
			if status != http.StatusOK || strings.Contains(text, "rejected") {
				t.Fatalf("answer = %d %s, want 200 and nothing rejected", status, text)
			}
			for _, want := range []traffic.Sighting{connection(1, 3), fullSighting(), fullLookup()} {
				if got := o.sink.counts[keyOf(&want)]; got != want.Count {
					t.Errorf("%v arrived %d times, want %d; the sink has %v", want, got, want.Count, o.sink.counts)
				}
			}
			agents := o.handler.Agents()
			if len(agents) != 1 || agents[0].Agent != testAgent || agents[0].Epoch != 77 || agents[0].Acknowledged != 41 ||
				agents[0].Dropped() != 5 || len(agents[0].Sources) != 2 || agents[0].Sources[1].Message == "" || agents[0].Unknown.Fields != 0 {
				t.Errorf("the operator knows %+v", agents)
			}
		})
	}
}

func TestARecordedHeartbeatIsUnderstood(t *testing.T) {
	o := startOperator(t)
	status, text, _ := o.post(strings.Replace(reportPath, "Report", "Heartbeat", 1), nil, recorded(t, "2026-11.heartbeat.pb"))
	if agents := o.handler.Agents(); status != http.StatusOK || len(agents) != 1 || agents[0].Dropped() != 5 || agents[0].Acknowledged != 41 {
		t.Errorf("answer = %d %s; the operator knows %+v", status, text, agents)
	}
}

// TestAgentsOfOtherVersionsAreUnderstood: one that says less than today's, and one that says more, wherever it does.
func TestAgentsOfOtherVersionsAreUnderstood(t *testing.T) {
	for name, change := range map[string]func(*wirepb.ReportRequest) []byte{
		"an older one, which says only what it must": func(r *wirepb.ReportRequest) []byte {
			return encode(t, &wirepb.ReportRequest{
				Agent: &wirepb.Agent{Node: r.Agent.Node}, Epoch: r.Epoch, Seq: r.Seq, SentAt: r.SentAt, Sightings: r.Sightings,
			})
		},
		"a newer one, with fields that nobody knows yet in every message": func(r *wirepb.ReportRequest) []byte {
			for _, m := range []proto.Message{r.Agent, r.Counters[0], r.Sources[0], r.Sightings[0], r.Sightings[1].From, r.Sightings[2].GetLookup()} {
				m.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 1234, protowire.BytesType), "of the future"))
			}
			r.ProtoReflect().SetUnknown(binary.LittleEndian.AppendUint64(protowire.AppendTag(nil, 999, protowire.Fixed64Type), 7))
			return encode(t, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := startOperator(t)
			var request wirepb.ReportRequest
			if err := proto.Unmarshal(recorded(t, "2026-11.report.pb"), &request); err != nil {
				t.Fatal(err)
			}
			status, text, _ := o.post(reportPath, nil, change(&request))
			if status != http.StatusOK || strings.Contains(text, "rejected") || o.sink.edges() != 3 {
				t.Errorf("answer = %d %s, %d sightings arrived; want 200 and 3", status, text, o.sink.edges())
			}
		})
	}
}
