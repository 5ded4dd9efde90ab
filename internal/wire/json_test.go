package wire

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

func TestAWrongValueInJSONIsNamed(t *testing.T) {
	const number = "want a whole number from 0 on that is not too large"
	for text, want := range map[string]string{
		`{"agent": 5}`:                                                      "agent: want an object: ",
		`{"agent": {"node": 5}}`:                                            "agent.node: want a string: ",
		`{"agent": {"node": ["a"]}}`:                                        "agent.node: want a string: ",
		`{"seq": "many"}`:                                                   "seq: " + number + ": ",
		`{"seq": -1}`:                                                       "seq: " + number + ": ",
		`{"seq": 1.5}`:                                                      "seq: " + number + ": ",
		`{"sentAt": 5}`:                                                     `sent_at: want a time such as "2026-11-20T07:00:00Z": `,
		`{"sent_at": "noon"}`:                                               `sent_at: want a time such as "2026-11-20T07:00:00Z": `,
		`{"sentAt": {}}`:                                                    `sent_at: want a time such as "2026-11-20T07:00:00Z": `,
		`{"sightings": {}}`:                                                 "sightings: want a list: ",
		`{"sightings": [{}, []]}`:                                           "sightings[1]: want an object: ",
		`{"sightings": [null]}`:                                             "sightings[0]: want an object: ",
		`{"sightings": [{}, {"source": true}]}`:                             "sightings[1].source: want a name such as SOURCE_FILE: ",
		`{"sightings": [{"to": {"port": 65536000000}}]}`:                    "sightings[0].to.port: " + number + ": ",
		`{"sightings": [{"to": {"addr": "10.0.0.1"}}]}`:                     "sightings[0].to.addr: want a string in base64: ",
		`{"sightings": [{"lookup": {"aliases": "a"}}]}`:                     "sightings[0].lookup.aliases: want a list: ",
		`{"sightings": [{"lookup": {"aliases": ["a", 7]}}]}`:                "sightings[0].lookup.aliases[1]: want a string: ",
		`{"counters": [{"dropped": "yes"}]}`:                                "counters[0].dropped: want true or false: ",
		`{"later": {"seq": "many"}, "agent": null, "epoch": {}}`:            "epoch: " + number + ": ",
		`{"sightings": [{"source": "SOURCE_LATER", "count": "x"}]}`:         "sightings[0].count: " + number + ": ",
		`{"seq": 1, "seq": 2}`:                                              "",
		`{"sightings": [{"connect": {}, "lookup": {}}]}`:                    "",
		`{"seq": 1} {}`:                                                     "",
		`{"seq": }`:                                                         "",
		`{"agent": {"node": "a"`:                                            "",
		`[{"seq": "many"}]`:                                                 "",
		"{\"agent\": {\"node\": \"\xff\"}}":                                 "",
		`{"later": ` + strings.Repeat("[", 20_000) + `, "seq": "many"}`:     "",
		`{"later": [[{"a": {"b": []}}], {}], "agent": {"pod": {"x": []}}}`:  "agent.pod: want a string: ",
		`{"sightings": [{"count": 1, "from": {"workload": {"kind": [}}}]} `: "sightings[0].from.workload.kind: want a string: ",
	} {
		t.Run(text[:min(len(text), 60)], func(t *testing.T) {
			err := jsonCodec{}.Unmarshal([]byte(text), new(reportRequest))
			if err == nil {
				t.Fatal("no error")
			}
			// What follows is protojson's own text, which names line and column.
			if got := err.Error(); !strings.HasPrefix(got, want+"proto:") {
				t.Errorf("error = %s\nwant %sproto:…", got, want)
			}
		})
	}
}

// TestAWordThatTheSchemaDoesNotKnowIsNamed says in JSON what a later version may know, in one sighting of three.
func TestAWordThatTheSchemaDoesNotKnowIsNamed(t *testing.T) {
	const sources = "SOURCE_DNS, SOURCE_SYN, SOURCE_SOCKET, SOURCE_FLOW, SOURCE_KAFKA, SOURCE_ENVOY, SOURCE_SPANS, SOURCE_FILE"
	for name, tc := range map[string]struct{ was, is, want string }{
		"a source":       {`"SOURCE_SYN"`, `"SOURCE_LATER"`, `source: "SOURCE_LATER" is no name that this operator knows; it knows ` + sources},
		"an odd word":    {`"SOURCE_SYN"`, `"A\nB","later":["SOURCE_LATER"]`, `source: "A\nB" is no name that this operator knows; it knows ` + sources},
		"a protocol":     {`"PROTOCOL_TCP"`, `"QUIC"`, `connect.protocol: "QUIC" is no name that this operator knows; it knows PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP`},
		"a number":       {`"SOURCE_SYN"`, `99`, "source: 99 is not a source this operator knows"},
		"nothing at all": {`"SOURCE_SYN"`, `null`, "source: 0 is not a source this operator knows"},
	} {
		t.Run(name, func(t *testing.T) {
			body := asJSON(t, report(1, connection(1, 1), connection(2, 1), connection(3, 1)), tc.was, tc.is)
			w := visit(newTestHandler(t, &chart{}, NewTokenReviews(&apiServer{})), reportPath, "application/json", body)
			var got wirepb.ReportResponse
			if err := protojson.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
				t.Fatalf("answer = %d %s (%v)", w.Code, w.Body, err)
			}
			if len(got.GetRejected()) != 1 || got.GetRejected()[0].GetIndex() != 0 || got.GetRejected()[0].GetReason() != tc.want || got.GetAccepted() != 2 {
				t.Errorf("answer %v\nwant the first refused: %s", &got, tc.want)
			}
		})
	}
}

// FuzzJSON reads any text as a report. It checks that a text that is accepted says the same with and without the look for
// what is unknown, and that an error is one line. It does not check what is found.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{
		`{"agent":{"node":"n","zone":"z"},"seq":1,"sightings":[{"via":[{}],"to":{"port":1,"name":null}},{}],"later":{"a":[[]]}}`,
		`{"sightings":[{"count":"x"}]}`, `{"sentAt":"noon"}`, `{"a":1,"a":2}`, `[]`, `{"agent":{"node":`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var read reportRequest
		var plain wirepb.ReportRequest
		err, plainErr := jsonCodec{}.Unmarshal(text, &read), jsonCodec{}.Unmarshal(text, &plain)
		if (err == nil) != (plainErr == nil) {
			t.Fatalf("errors %v and %v", err, plainErr)
		}
		if err != nil && read.unknown.fields != 0 {
			t.Errorf("%d unknown fields of a text that is refused", read.unknown.fields)
		}
		if names := read.unknown.found().Names; len(names) > maxUnknownNames || strings.ContainsAny(strings.Join(names, ""), "\n\r") {
			t.Errorf("names %q", names)
		}
	})
}
