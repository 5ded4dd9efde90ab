package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

func TestABodyIsReadUpToItsBound(t *testing.T) {
	for name, tc := range map[string]struct {
		size, bound int
		large       bool
	}{
		"a smaller body passes":         {9, 10, false},
		"a body of that size passes":    {10, 10, false},
		"one byte more is refused":      {11, 10, true},
		"a much larger body is refused": {1000, 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			body := &boundedBody{ReadCloser: io.NopCloser(bytes.NewReader(make([]byte, tc.size))), left: int64(tc.bound)}
			got, err := io.ReadAll(body)
			if connect.CodeOf(err) == connect.CodeOutOfRange != tc.large || len(got) != min(tc.size, tc.bound) {
				t.Errorf("read %d bytes with error %v", len(got), err)
			}
			if _, err := body.Read(make([]byte, 1)); err == nil {
				t.Error("reading on succeeds")
			}
		})
	}
}

func TestUnpackingEndsAtTheBound(t *testing.T) {
	for name, tc := range map[string]struct {
		size  int
		large bool
	}{
		"16 MiB pass":              {MaxUnpacked, false},
		"one byte more is refused": {MaxUnpacked + 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := newBoundedGzip()
			if err := g.Reset(bytes.NewReader(gzipped(t, make([]byte, tc.size)))); err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, g)
			if connect.CodeOf(err) == connect.CodeOutOfRange != tc.large || n > MaxUnpacked {
				t.Errorf("unpacked %d bytes with error %v", n, err)
			}
		})
	}
}

func TestNoMoreListElementsAreDecodedThanNeededToRefuseThem(t *testing.T) {
	empty := protowire.AppendBytes(protowire.AppendTag(nil, 15, protowire.BytesType), nil)
	var request wirepb.ReportRequest
	if err := (protoCodec{}).Unmarshal(bytes.Repeat(empty, 1_000_000), &request); err != nil {
		t.Fatal(err)
	}
	if got := len(request.GetSightings()); got != maxItems+1 {
		t.Errorf("%d sightings were decoded, want %d", got, maxItems+1)
	}
}

func TestFieldsOfANewerAgentDoNotHideItsSightings(t *testing.T) {
	unknown := protowire.AppendBytes(protowire.AppendTag(nil, 900, protowire.BytesType), nil)
	message := bytes.Repeat(unknown, 3*maxItems)
	message = append(message, mustBatch(t, connections(2)...).body...)
	var request wirepb.ReportRequest
	if err := (protoCodec{}).Unmarshal(message, &request); err != nil || len(request.GetSightings()) != 2 {
		t.Errorf("%d sightings, %v; want 2", len(request.GetSightings()), err)
	}
}

func TestCodecsTakeProtobufMessagesOnly(t *testing.T) {
	for _, codec := range []connect.Codec{protoCodec{}, jsonCodec{"json"}} {
		if _, err := codec.Marshal("text"); err == nil {
			t.Errorf("%s: text was marshalled", codec.Name())
		}
		if err := codec.Unmarshal(nil, new(string)); err == nil {
			t.Errorf("%s: text was unmarshalled", codec.Name())
		}
	}
}

func TestObjectsAreCountedOutsideOfStrings(t *testing.T) {
	for text, want := range map[string]int{
		``: 0, `{}`: 1, `{"a": {}, "b": [{}, {}]}`: 4, `{"a{": "{\"{"}`: 1, `{"a\\": {}}`: 2, `"\`: 0,
	} {
		if got := objects([]byte(text)); got != want {
			t.Errorf("objects(%s) = %d, want %d", text, got, want)
		}
	}
}

func TestAnOddStatusNeverCostsABatch(t *testing.T) {
	status := Status{
		Counters: make([]Counter, maxCounters+1),
		Sources:  make([]SourceState, maxSources+1),
	}
	status.Sources[0].Message = strings.Repeat("é", maxMessage)
	status.Sources[1].Message = "\xff"
	counters, sources := status.toWire()
	if len(counters) != maxCounters || len(sources) != maxSources {
		t.Errorf("%d counters and %d sources, want the most allowed", len(counters), len(sources))
	}
	for _, s := range sources[:2] {
		if len(s.GetMessage()) > maxMessage || s.GetMessage() == "" || !utf8.ValidString(s.GetMessage()) {
			t.Errorf("message of %d bytes, valid %t", len(s.GetMessage()), utf8.ValidString(s.GetMessage()))
		}
	}
	if _, err := readCounters(counters); err != nil {
		t.Error(err)
	}
	if _, err := readSources(sources); err != nil {
		t.Error(err)
	}
}

func TestAStatusIsCheckedFieldByField(t *testing.T) {
	long := strings.Repeat("a", 300)
	for want, change := range map[string]func(*wirepb.ReportRequest){
		"agent.node: has 300 bytes, over 253":           func(r *wirepb.ReportRequest) { r.Agent.Node = long },
		"agent.pod: has 300 bytes, over 253":            func(r *wirepb.ReportRequest) { r.Agent.Pod = long },
		"agent.version: has 300 bytes, over 128":        func(r *wirepb.ReportRequest) { r.Agent.Version = long },
		"counters: has 201 entries, over 200":           func(r *wirepb.ReportRequest) { r.Counters = make([]*wirepb.Counter, 201) },
		"counters[0].source: has 300 bytes, over 63":    func(r *wirepb.ReportRequest) { r.Counters = []*wirepb.Counter{{Source: long}} },
		"counters[0].reason: has 300 bytes, over 63":    func(r *wirepb.ReportRequest) { r.Counters = []*wirepb.Counter{{Reason: long}} },
		"sources: has 33 entries, over 32":              func(r *wirepb.ReportRequest) { r.Sources = make([]*wirepb.SourceState, 33) },
		"sources[0].source: has 300 bytes, over 63":     func(r *wirepb.ReportRequest) { r.Sources = []*wirepb.SourceState{{Source: long}} },
		"sources[0].message: has 1200 bytes, over 1024": func(r *wirepb.ReportRequest) { r.Sources = []*wirepb.SourceState{{Message: strings.Repeat(long, 4)}} },
	} {
		r := report(1)
		change(r)
		if _, err := readEnvelope(r); err == nil || err.Error() != want {
			t.Errorf("error = %v, want %s", err, want)
		}
	}
}

func TestCodesHaveTheStatusOfThePage(t *testing.T) {
	for code, want := range map[connect.Code]int{
		connect.CodeInvalidArgument: 400, connect.CodeUnauthenticated: 401, connect.CodePermissionDenied: 403,
		connect.CodeOutOfRange: 413, connect.CodeResourceExhausted: 429, connect.CodeUnavailable: 503,
		connect.CodeInternal: 500, connect.CodeUnknown: 500,
	} {
		if got := statusOf(code); got != want {
			t.Errorf("statusOf(%s) = %d, want %d", code, got, want)
		}
	}
	var err *connect.Error
	if !errors.As(tooLarge("x"), &err) || err.Meta().Get(limitHeader) != "x" {
		t.Error("too large does not name its limit")
	}
}
