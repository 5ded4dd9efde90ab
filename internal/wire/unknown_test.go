package wire

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portolan-io/portolan/internal/wire/wirepb"
	"github.com/portolan-io/portolan/internal/wire/wirepb/wirepbconnect"
)

// newer is a field that only a newer agent knows.
func newer() []byte {
	return protowire.AppendString(protowire.AppendTag(nil, 900, protowire.BytesType), "from a newer agent")
}

// fill sets every message in m, two to a list. Of a oneof it sets the first member, or the last.
func fill(m protoreflect.Message, last bool) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Message() == nil || !chosen(field, last) {
			continue
		}
		if !field.IsList() {
			fill(m.Mutable(field).Message(), last)
			continue
		}
		for _, last := range []bool{false, true} {
			fill(m.Mutable(field).List().AppendMutable().Message(), last)
		}
	}
}

func chosen(field protoreflect.FieldDescriptor, last bool) bool {
	choice := field.ContainingOneof()
	if choice == nil {
		return true
	}
	index := 0
	if last {
		index = choice.Fields().Len() - 1
	}
	return choice.Fields().Get(index) == field
}

// every calls visit with m and all messages in it, and where they are.
func every(m protoreflect.Message, in string, visit func(m protoreflect.Message, in string)) {
	visit(m, in)
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		path := strings.TrimPrefix(in+"."+string(field.Name()), ".")
		switch {
		case field.IsMap():
			panic(path + " is a map, which nobody looks into")
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				every(value.List().Get(i).Message(), path, visit)
			}
		default:
			every(value.Message(), path, visit)
		}
		return true
	})
}

// TestEveryMessageOfARequestIsLookedAt holds the walk against the schema: a message that is new there and forgotten in
// the walk fails here.
func TestEveryMessageOfARequestIsLookedAt(t *testing.T) {
	for _, r := range []request{new(reportRequest), new(heartbeatRequest)} {
		fill(r.ProtoReflect(), false)
		every(r.ProtoReflect(), "", func(m protoreflect.Message, in string) {
			m.SetUnknown(newer())
			defer m.SetUnknown(nil)
			*r.strange() = unknown{}
			r.look()
			want := Unknown{Fields: 1, Names: []string{strings.TrimSuffix("field 900 of "+in, " of ")}}
			if diff := cmp.Diff(r.strange().found(), want); diff != "" {
				t.Errorf("%T: unknown (-got +want):\n%s", r, diff)
			}
		})
	}
}

func TestNothingUnknownCostsNoAllocation(t *testing.T) {
	var r reportRequest
	fill(r.ProtoReflect(), true)
	if got := testing.AllocsPerRun(100, r.look); got != 0 {
		t.Errorf("%v allocations, want none", got)
	}
}

// visit sends one request of the known agent to h.
func visit(h http.Handler, path, kind string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+goodToken)
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// asJSON writes a message as JSON, with one text in it replaced.
func asJSON(t *testing.T, m proto.Message, was, is string) []byte {
	t.Helper()
	text := strings.ReplaceAll(string(must(protojson.Marshal(m))(t)), `": `, `":`)
	if !strings.Contains(text, was) {
		t.Fatalf("%s is not in %s", was, text)
	}
	return []byte(strings.Replace(text, was, is, 1))
}

func TestUnknownFieldsAreIgnoredCountedAndTold(t *testing.T) {
	const asProto, asText = "application/proto", "application/json"
	full := func() *wirepb.ReportRequest { return report(1, connection(1, 4), fullSighting(), fullLookup()) }
	beat := &wirepb.HeartbeatRequest{Agent: testAgent.toWire(), Epoch: 77, SentAt: full().GetSentAt()}
	change := func(change func(*wirepb.ReportRequest)) []byte {
		r := full()
		change(r)
		return encode(t, r)
	}
	strange := func(m proto.Message) { m.ProtoReflect().SetUnknown(newer()) }
	for name, tc := range map[string]struct {
		path, kind string
		body       []byte
		want       Unknown
	}{
		"nothing unknown": {kind: asProto, body: encode(t, full())},
		"nothing unknown in JSON, by either name of a field": {
			kind: asText, body: asJSON(t, full(), `"sentAt"`, `"sent_at"`),
		},
		"a field of the request": {
			kind: asProto, body: append(encode(t, full()), newer()...), want: Unknown{1, []string{"field 900"}},
		},
		"a field of a heartbeat": {
			path: wirepbconnect.AgentServiceHeartbeatProcedure, kind: asProto, body: append(encode(t, beat), newer()...),
			want: Unknown{1, []string{"field 900"}},
		},
		"fields of several sightings have one name each": {
			kind: asProto, body: change(func(r *wirepb.ReportRequest) {
				strange(r.GetSightings()[0])
				strange(r.GetSightings()[1])
				strange(r.GetSightings()[1].GetFrom().GetWorkload())
			}),
			want: Unknown{3, []string{"field 900 of sightings", "field 900 of sightings.from.workload"}},
		},
		"many fields have few names": {
			kind: asProto, body: change(func(r *wirepb.ReportRequest) {
				var fields []byte
				for i := range 1000 {
					fields = protowire.AppendVarint(protowire.AppendTag(fields, protowire.Number(1000+i), protowire.VarintType), 1)
				}
				r.GetAgent().ProtoReflect().SetUnknown(fields)
			}),
			want: Unknown{1000, []string{"field 1000 of agent", "field 1001 of agent", "field 1002 of agent", "field 1003 of agent"}},
		},
		"a member of the request": {
			kind: asText, body: asJSON(t, full(), `{`, `{"invented":{"agent":[1,{"x":null}]},`), want: Unknown{1, []string{`field "invented"`}},
		},
		"a member of a heartbeat": {
			path: wirepbconnect.AgentServiceHeartbeatProcedure, kind: asText, body: asJSON(t, beat, `{`, `{"mood":"good",`),
			want: Unknown{1, []string{`field "mood"`}},
		},
		"members of a sighting and of what is in it": {
			kind: asText, body: asJSON(t, full(), `"to":{`, `"via":"a","to":{"zone":"b\u2028",`),
			want: Unknown{2, []string{`field "via" of sightings`, `field "zone" of sightings.to`}},
		},
		"a member whose name is no name": {
			kind: asText, body: asJSON(t, full(), `{`, `{"a\nb`+strings.Repeat("c", 200)+`":1,`),
			want: Unknown{1, []string{`field "a\nb` + strings.Repeat("c", maxShown-3) + `"`}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			sink := &chart{}
			h := newTestHandler(t, sink, NewTokenReviews(&apiServer{}))
			h.options.Log = slog.New(slog.NewTextHandler(&log, nil))
			sightings := uint64(0)
			if tc.path == "" {
				tc.path, sightings = reportPath, 3
			}
			for range 2 { // the second is a duplicate, and unknown in it is counted once more
				if w := visit(h, tc.path, tc.kind, tc.body); w.Code != http.StatusOK {
					t.Fatalf("answer = %d %s, want 200", w.Code, w.Body)
				}
			}
			stats, agents := h.Stats(), h.Agents()
			if stats.UnknownFields != 2*tc.want.Fields || stats.Sightings != sightings || stats.Rejected != 0 {
				t.Errorf("stats = %+v, want %d unknown fields and %d sightings", stats, 2*tc.want.Fields, sightings)
			}
			if diff := cmp.Diff(agents[0].Unknown, Unknown{2 * tc.want.Fields, tc.want.Names}); diff != "" {
				t.Errorf("unknown of the agent (-got +want):\n%s", diff)
			}
			told := strings.Count(log.String(), "\n")
			if wanted := int(min(tc.want.Fields, 1)); told != wanted || wanted == 1 && !strings.Contains(log.String(), "node=node-a pod="+testAgent.Pod) {
				t.Errorf("%d lines of log, want %d that names the agent:\n%s", told, wanted, &log)
			}
		})
	}
}

func TestARefusalNamesWhatIsUnknown(t *testing.T) {
	h := newTestHandler(t, &chart{}, NewTokenReviews(&apiServer{}))
	for was, tc := range map[string]struct{ is, want string }{
		`"agent":`:     {`"agnet":`, `"agent is missing; this operator does not know field \"agnet\""`},
		`"sightings":`: {`"sighting":`, `"the batch has no sightings; this operator does not know field \"sighting\""`},
	} {
		w := visit(h, reportPath, "application/json", asJSON(t, report(1, connection(1, 1)), was, tc.is))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("answer = %d %s, want %s", w.Code, w.Body, tc.want)
		}
	}
	if got := h.Stats().UnknownFields; got != 2 {
		t.Errorf("%d unknown fields counted, want 2", got)
	}
}

func TestAnAgentIsToldOfOncePerPod(t *testing.T) {
	r := &Roster{limit: 2}
	note := func(pod string, found Unknown) bool {
		return r.note(AgentState{Agent: Agent{Node: "a", Pod: pod}, LastSeen: nine, Unknown: found})
	}
	field := func(name string) Unknown { return Unknown{1, []string{name}} }
	for i, step := range []struct {
		pod   string
		found Unknown
		first bool
	}{
		{"one", Unknown{}, false},
		{"one", field("x"), true},
		{"one", Unknown{}, false},
		{"one", field("y"), false},
		{"two", Unknown{}, false},
		{"two", field("x"), true},
	} {
		if got := note(step.pod, step.found); got != step.first {
			t.Errorf("step %d: first = %t, want %t", i, got, step.first)
		}
	}
	for i := range 9 {
		note("two", field(fmt.Sprint("f", i)))
	}
	want := Unknown{10, []string{"x", "f0", "f1", "f2"}}
	if diff := cmp.Diff(r.list(nine.Add(time.Hour))[0].Unknown, want); diff != "" {
		t.Errorf("unknown (-got +want):\n%s", diff)
	}
}
