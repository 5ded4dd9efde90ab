package wire

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

// report returns a good request with these sightings.
func report(seq uint64, sightings ...traffic.Sighting) *wirepb.ReportRequest {
	request := &wirepb.ReportRequest{Agent: testAgent.toWire(), Epoch: 77, Seq: seq, SentAt: timestamppb.Now()}
	for i := range sightings {
		request.Sightings = append(request.Sightings, toWire(&sightings[i]))
	}
	return request
}

func encode(t testing.TB, message proto.Message) []byte {
	t.Helper()
	return must(proto.Marshal(message))(t)
}

func TestMalformedRequestsGetAClearAnswer(t *testing.T) {
	o := startOperator(t)
	change := func(change func(*wirepb.ReportRequest)) []byte {
		r := report(1, connection(1, 1))
		change(r)
		return encode(t, r)
	}
	for name, tc := range map[string]struct {
		header map[string]string
		path   string
		body   []byte
		status int
		want   string
	}{
		"no sightings": {
			body:   encode(t, report(1)),
			status: http.StatusBadRequest, want: `{"code":"invalid_argument","message":"the batch has no sightings"}`,
		},
		"no agent": {
			body:   change(func(r *wirepb.ReportRequest) { r.Agent = nil }),
			status: http.StatusBadRequest, want: `{"code":"invalid_argument","message":"agent is missing"}`,
		},
		"no node": {
			body:   change(func(r *wirepb.ReportRequest) { r.Agent.Node = "" }),
			status: http.StatusBadRequest, want: `{"code":"invalid_argument","message":"agent.node is missing"}`,
		},
		"no epoch": {
			body:   change(func(r *wirepb.ReportRequest) { r.Epoch = 0 }),
			status: http.StatusBadRequest, want: `{"code":"invalid_argument","message":"epoch is missing; want a random number that is not 0"}`,
		},
		"no sequence number": {
			body:   change(func(r *wirepb.ReportRequest) { r.Seq = 0 }),
			status: http.StatusBadRequest, want: `{"code":"invalid_argument","message":"seq is missing; the first batch of an epoch is 1"}`,
		},
		"no time of sending": {
			body:   change(func(r *wirepb.ReportRequest) { r.SentAt = nil }),
			status: http.StatusBadRequest, want: `{"code":"invalid_argument","message":"sent_at: the time is missing"}`,
		},
		"an empty body": {
			status: http.StatusBadRequest, want: `{"code":"invalid_argument","message":"agent is missing"}`,
		},
		"not protobuf": {
			body:   []byte("this is no batch"),
			status: http.StatusBadRequest, want: "unmarshal message: byte 0: not a protobuf field",
		},
		"not gzip": {
			header: map[string]string{"Content-Encoding": "gzip"}, body: []byte("this is not gzip"),
			status: http.StatusBadRequest, want: "gzip: invalid header",
		},
		"not JSON": {
			header: map[string]string{"Content-Type": "application/json"}, body: []byte(`{"agent": {"node": }`),
			status: http.StatusBadRequest, want: "(line 1:20)",
		},
		"a wrong type in JSON": {
			header: map[string]string{"Content-Type": "application/json"}, body: []byte(`{"seq": "many"}`),
			status: http.StatusBadRequest, want: "seq: want a whole number from 0 on that is not too large: proto:",
		},
		"an empty body as JSON": {
			header: map[string]string{"Content-Type": "application/json"},
			status: http.StatusBadRequest, want: "the body is empty; want a JSON object",
		},
		"a wrong content type": {
			header: map[string]string{"Content-Type": "text/plain"},
			status: http.StatusUnsupportedMediaType, want: `content type "text/plain" is not served; served are application/proto and application/json, and those of gRPC and gRPC-Web`,
		},
		"a wrong method": {
			header: map[string]string{"method": http.MethodGet},
			status: http.StatusMethodNotAllowed, want: "want POST",
		},
		"a version of another time": {
			path:   "/portolan.wire.v9.AgentService/Report",
			status: http.StatusNotFound, want: `"/portolan.wire.v9.AgentService/Report" is not served here; served are reports (/portolan.wire.v1.AgentService/Report and /portolan.wire.v1.AgentService/Heartbeat)`,
		},
		"a body over 4 MiB": {
			body:   make([]byte, MaxCompressed+1),
			status: http.StatusRequestEntityTooLarge, want: `{"code":"out_of_range","message":"the request is over the limit of 4 MiB as sent, with or without gzip"}`,
		},
		"a gzip bomb": {
			header: map[string]string{"Content-Encoding": "gzip"}, body: gzipped(t, make([]byte, 64<<20)),
			status: http.StatusRequestEntityTooLarge, want: `{"code":"out_of_range","message":"the request is over the limit of 16 MiB unpacked"}`,
		},
		"10,001 sightings": {
			body:   encode(t, report(1, connections(MaxSightings+1)...)),
			status: http.StatusRequestEntityTooLarge, want: `{"code":"out_of_range","message":"the request is over the limit of 10,000 sightings"}`,
		},
		"a million empty sightings": {
			body:   append(encode(t, report(1)), bytes.Repeat([]byte{15<<3 | byte(protowire.BytesType), 0}, 1_000_000)...),
			status: http.StatusRequestEntityTooLarge, want: `{"code":"out_of_range","message":"the request is over the limit of 10,000 sightings"}`,
		},
		"a hundred thousand empty sightings in JSON": {
			header: map[string]string{"Content-Type": "application/json"}, body: []byte(`{"sightings":[` + strings.Repeat("{},", 100_000) + `{}]}`),
			status: http.StatusBadRequest, want: "more than 80000 JSON objects; a batch holds at most 10000 sightings",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.path == "" {
				tc.path = reportPath
			}
			before := o.handler.Stats().Answers[tc.status]
			status, text, _ := o.post(tc.path, tc.header, tc.body)
			if status != tc.status || !strings.Contains(text, tc.want) {
				t.Errorf("answer = %d %s\nwant %d %s", status, text, tc.status, tc.want)
			}
			if after := o.handler.Stats().Answers[tc.status]; after != before+1 {
				t.Errorf("answers %d counted = %d, want %d", tc.status, after, before+1)
			}
		})
	}
	if got := o.sink.total(); got != 0 {
		t.Errorf("%d sightings reached the sink, want none", got)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	o := startOperator(t)
	body := encode(t, report(1, connection(1, 1)))
	for name, tc := range map[string]struct {
		authorization string
		reason        Stranger
		status        int
		want          string
	}{
		"no token":                 {"", NoToken, http.StatusUnauthorized, "the header Authorization: Bearer"},
		"another scheme":           {"Basic YTpi", NoToken, http.StatusUnauthorized, "the header Authorization: Bearer"},
		"no token behind Bearer":   {"Bearer ", NoToken, http.StatusUnauthorized, "the header Authorization: Bearer"},
		"not even like a token":    {"Bearer secret", BadToken, http.StatusUnauthorized, "it does not look like a ServiceAccount token"},
		"an unknown token":         {"Bearer un.kno.wn", BadToken, http.StatusUnauthorized, "the token is not valid for the audience portolan"},
		"a token for another use":  {"Bearer " + otherUseToken, BadToken, http.StatusUnauthorized, `it is made for \"vault\"`},
		"another account":          {"Bearer " + strangerToken, WrongAccount, http.StatusForbidden, `ServiceAccount \"shop/frontend\" is not that of the agents`},
		"an agent of another node": {"Bearer " + elsewhereToken, ForeignNode, http.StatusForbidden, `agent.node: the token belongs to a pod of node \"node-b\", not of \"node-a\"`},
		"a token bound to nothing": {"Bearer " + unboundToken, UnboundToken, http.StatusForbidden, "the token is not bound to a pod and a node"},
	} {
		t.Run(name, func(t *testing.T) {
			before := o.handler.Stats()
			status, text, _ := o.post(reportPath, map[string]string{"Authorization": tc.authorization}, body)
			if status != tc.status || !strings.Contains(text, tc.want) {
				t.Errorf("answer = %d %s\nwant %d %s", status, text, tc.status, tc.want)
			}
			after := o.handler.Stats()
			if got, want := after.Answers[tc.status], before.Answers[tc.status]+1; got != want {
				t.Errorf("answers %d counted = %d, want %d", tc.status, got, want)
			}
			before.Strangers[tc.reason]++
			if diff := cmp.Diff(after.Strangers, before.Strangers); diff != "" {
				t.Errorf("refused tokens (-got +want):\n%s", diff)
			}
		})
	}
	if got := o.sink.total(); got != 0 {
		t.Errorf("%d sightings reached the sink, want none", got)
	}
}

func TestAnAgentMaySpeakForItsOwnPodOnly(t *testing.T) {
	o := startOperator(t)
	request := report(1, connection(1, 1))
	request.Agent.Pod = "portolan-agent-other"
	status, text, _ := o.post(reportPath, nil, encode(t, request))
	if status != http.StatusForbidden || !strings.Contains(text, "agent.pod") {
		t.Errorf("answer = %d %s, want 403 naming agent.pod", status, text)
	}
	if n := o.handler.Stats().Strangers[ForeignPod]; n != 1 {
		t.Errorf("%d tokens were counted as those of another pod, want 1", n)
	}
	request.Agent.Pod = ""
	if status, text, _ = o.post(reportPath, nil, encode(t, request)); status != http.StatusOK {
		t.Errorf("answer to an agent that does not name its pod = %d %s, want 200", status, text)
	}
	if agents := o.handler.Agents(); len(agents) != 1 || agents[0].Pod != testAgent.Pod {
		t.Errorf("agents = %+v, want the pod of the token", agents)
	}
}

func TestABadSightingIsNamedAndTheOthersAreTaken(t *testing.T) {
	o := startOperator(t)
	bad := connection(2, 1)
	bad.To.Port = 0
	status, text, _ := o.post(reportPath, map[string]string{"Content-Type": "application/json"},
		must(protojson.Marshal(report(1, connection(1, 1), bad, connection(3, 1))))(t))
	compact := strings.ReplaceAll(text, " ", "")
	if status != http.StatusOK || !strings.Contains(compact, `"accepted":2`) || !strings.Contains(compact, `"index":1`) || !strings.Contains(text, "to.port: is missing") {
		t.Errorf("answer = %d %s, want 2 accepted and index 1 rejected", status, text)
	}
	if stats := o.handler.Stats(); stats.Sightings != 2 || stats.Rejected != 1 {
		t.Errorf("stats = %+v, want 2 sightings and 1 rejected", stats)
	}
}

func TestTroubleInsideTheOperatorAsksTheAgentToComeBack(t *testing.T) {
	o := startOperator(t)
	body := encode(t, report(1, connection(1, 1)))
	for name, tc := range map[string]struct {
		trouble    func()
		status     int
		retryAfter string
		want       string
	}{
		"a store that is down": {
			func() { o.sink.set(func(c *chart) { c.refusing = errors.New("the disk is full") }) },
			http.StatusServiceUnavailable, "2", "the batch could not be stored: the disk is full",
		},
		"a panic": {
			func() { o.sink.set(func(c *chart) { c.panics = true }) },
			http.StatusInternalServerError, "", "the operator stumbled over this request",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.trouble()
			status, text, header := o.post(reportPath, nil, body)
			if status != tc.status || header.Get("Retry-After") != tc.retryAfter || !strings.Contains(text, tc.want) {
				t.Errorf("answer = %d, Retry-After %q, %s\nwant %d, %q, %s", status, header.Get("Retry-After"), text, tc.status, tc.retryAfter, tc.want)
			}
			o.sink.set(func(c *chart) { c.refusing, c.panics = nil, false })
		})
	}
	if status, text, _ := o.post(reportPath, nil, body); status != http.StatusOK || strings.Contains(text, "duplicate") {
		t.Errorf("the same batch afterwards: %d %s, want 200 and no duplicate", status, text)
	}
	if stats := o.handler.Stats(); stats.Panics != 1 || stats.SinkErrors != 1 || stats.Batches != 1 {
		t.Errorf("stats = %+v, want one panic, one sink error, one batch", stats)
	}
}

func TestTheApiServerBeingDownIsNotTheAgentsFault(t *testing.T) {
	o := startOperator(t)
	o.api.down = true
	status, text, header := o.post(reportPath, nil, encode(t, report(1, connection(1, 1))))
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(text, "the token could not be checked") {
		t.Errorf("answer = %d %s, want 503 with Retry-After", status, text)
	}
}

func TestOneAgentHasOneRequestAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		a, b, c := Caller{Node: "a"}, Caller{Node: "b"}, Caller{Node: "c"}
		leave := must(g.enter(t.Context(), a))(t)
		if _, err := g.enter(t.Context(), a); err == nil {
			t.Error("the same agent entered twice")
		}
		leaveB := must(g.enter(t.Context(), b))(t)
		if _, err := g.enter(t.Context(), c); err == nil || !strings.Contains(err.Error(), "too many batches") {
			t.Errorf("a third agent got %v, want too many batches", err)
		}
		leave.leave()
		leaveB.leave()
		for _, who := range []Caller{c, a} {
			must(g.enter(t.Context(), who))(t)
		}
	})
}

func TestAgentsAreListedByNodeAndForgottenAfterADay(t *testing.T) {
	r := &Roster{limit: 2}
	for i, node := range []string{"b", "a", "c", "a"} {
		r.note(AgentState{Agent: Agent{Node: node}, LastSeen: nine.Add(time.Duration(i) * time.Hour), Status: Status{Counters: []Counter{{Value: uint64(i)}}}})
	}
	list := r.list(nine.Add(4 * time.Hour))
	if len(list) != 2 || list[0].Node != "a" || list[1].Node != "c" || list[0].Dropped() != 0 || list[0].Counters[0].Value != 3 {
		t.Errorf("agents = %+v, want the newest of a, then c", list)
	}
	list[0].Counters[0].Value = 99
	if again := r.list(nine.Add(4 * time.Hour)); again[0].Counters[0].Value != 3 {
		t.Error("a reader changed the roster")
	}
	if list = r.list(nine.Add(26*time.Hour + time.Minute)); len(list) != 1 {
		t.Errorf("%d agents a day later, want 1", len(list))
	}
}

func TestABlindAgentHasSeenNothing(t *testing.T) {
	runs, stands := SourceState{Source: "dns", Running: true}, SourceState{Source: "syn"}
	for name, tc := range map[string]struct {
		sources      []SourceState
		acknowledged uint64
		want         float64
	}{
		"nothing seen yet":                        {[]SourceState{runs}, 0, 1},
		"one source of two runs":                  {[]SourceState{stands, runs}, 0, 1},
		"no source runs":                          {[]SourceState{stands}, 0, 0},
		"no source runs any more":                 {[]SourceState{stands}, 9, 0},
		"an agent that does not name its sources": {nil, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			a := AgentState{Acknowledged: tc.acknowledged, Status: Status{Sources: tc.sources}}
			if got := a.Completeness(); got != tc.want || a.Blind() != (tc.want == 0) {
				t.Errorf("Completeness() = %v, Blind() = %t; want %v", got, a.Blind(), tc.want)
			}
		})
	}
}

// FuzzHandler sends any body as a protobuf or JSON request of a known agent. It checks that nothing panics and that the
// answer is one of those that are documented. It does not check which.
func FuzzHandler(f *testing.F) {
	body := must(proto.Marshal(report(1, fullSighting(), fullLookup())))(f)
	f.Add(body, byte(0))
	f.Add(gzipped(f, body), byte(1))
	f.Add(must(protojson.Marshal(report(1, fullSighting(), fullLookup())))(f), byte(2))
	h := newTestHandler(f, &chart{}, NewTokenReviews(&apiServer{}))
	f.Fuzz(func(t *testing.T, body []byte, kind byte) {
		r := httptest.NewRequest(http.MethodPost, reportPath, bytes.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+goodToken)
		r.Header.Set("Content-Type", []string{"application/proto", "application/json", "application/grpc"}[kind>>1%3])
		if kind&1 == 1 {
			r.Header.Set("Content-Encoding", "gzip")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK, http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		default:
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if h.Stats().Panics != 0 {
			t.Error(fmt.Sprint("a panic was survived; it should not happen: ", w.Body))
		}
	})
}
