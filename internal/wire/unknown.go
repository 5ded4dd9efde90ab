package wire

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/portolan-io/portolan/internal/wire/wirepb"
)

// Unknown is what the requests of an agent held that this operator does not know: fields of a newer version, or misspelt
// ones. They are ignored, and everything else is taken. The zero value is nothing.
type Unknown struct {
	Fields uint64   // counted each time they came
	Names  []string // the first few different ones, for people, for example: field 9 of sightings.to
}

const maxUnknownNames = 4

// plus returns the sum. It changes neither side.
func (u Unknown) plus(more Unknown) Unknown {
	sum := Unknown{Fields: u.Fields + more.Fields, Names: slices.Clip(u.Names)}
	for _, name := range more.Names {
		if len(sum.Names) < maxUnknownNames && !slices.Contains(sum.Names, name) {
			sum.Names = append(sum.Names, name)
		}
	}
	return sum
}

// unknown collects the unknown fields of one request. It allocates nothing as long as there is none, and no more than
// maxUnknownNames names, however many there are.
type unknown struct {
	fields uint64
	first  []unknownField
	words  map[int]word // of the sighting at a position, the first word that JSON says where the schema knows none such
}

// unknownField is where an unknown field was found, and its number, or its name where the request says one.
type unknownField struct {
	in     string
	number protowire.Number
	name   string
}

// String returns the field for people, on one line and short whatever was sent.
func (f unknownField) String() string {
	text := "field " + strconv.Itoa(int(f.number))
	if f.number == 0 {
		text = "field " + shown(f.name)
	}
	if f.in != "" {
		text += " of " + f.in
	}
	return text
}

func (u *unknown) add(f unknownField) {
	u.fields++
	if len(u.first) < maxUnknownNames && !slices.Contains(u.first, f) {
		u.first = append(u.first, f)
	}
}

func (u *unknown) misname(position int, w word) {
	if u.words == nil {
		u.words = make(map[int]word)
	}
	if _, known := u.words[position]; !known {
		u.words[position] = w
	}
}

// found returns what was collected.
func (u *unknown) found() Unknown {
	if u.fields == 0 {
		return Unknown{}
	}
	found := Unknown{Fields: u.fields}
	for _, f := range u.first {
		found.Names = append(found.Names, f.String())
	}
	return found
}

// explain adds the unknown fields to the refusal of a request: what is missing may be there under another name.
func (u *unknown) explain(refusal error) error {
	var coded *connect.Error
	if u.fields == 0 || !errors.As(refusal, &coded) || coded.Code() != connect.CodeInvalidArgument {
		return refusal
	}
	return connect.NewError(coded.Code(), fmt.Errorf("%w; this operator does not know %s", coded.Unwrap(), strings.Join(u.found().Names, ", ")))
}

// request is a message of an agent that also keeps what in it is unknown.
type request interface {
	proto.Message
	envelope
	strange() *unknown
	// look collects the fields that protobuf kept without knowing them.
	look()
}

type reportRequest struct {
	wirepb.ReportRequest
	unknown unknown
}

func (r *reportRequest) strange() *unknown { return &r.unknown }

func (r *reportRequest) look() {
	look(&r.unknown, "", &r.ReportRequest)
	r.unknown.lookAtEnvelope(r)
	for _, s := range r.GetSightings() {
		r.unknown.lookAtSighting(s)
	}
}

type heartbeatRequest struct {
	wirepb.HeartbeatRequest
	unknown unknown
}

func (r *heartbeatRequest) strange() *unknown { return &r.unknown }

func (r *heartbeatRequest) look() {
	look(&r.unknown, "", &r.HeartbeatRequest)
	r.unknown.lookAtEnvelope(r)
}

func (u *unknown) lookAtEnvelope(e envelope) {
	look(u, "agent", e.GetAgent())
	look(u, "sent_at", e.GetSentAt())
	for _, c := range e.GetCounters() {
		look(u, "counters", c)
	}
	for _, s := range e.GetSources() {
		look(u, "sources", s)
	}
}

func (u *unknown) lookAtSighting(s *wirepb.Sighting) {
	look(u, "sightings", s)
	look(u, "sightings.first", s.GetFirst())
	look(u, "sightings.last", s.GetLast())
	look(u, "sightings.from", s.GetFrom())
	look(u, "sightings.from.workload", s.GetFrom().GetWorkload())
	look(u, "sightings.to", s.GetTo())
	look(u, "sightings.to.workload", s.GetTo().GetWorkload())
	look(u, "sightings.connect", s.GetConnect())
	look(u, "sightings.lookup", s.GetLookup())
}

// look collects the unknown fields of one message, not of those in it.
func look[M interface {
	comparable
	proto.Message
}](u *unknown, in string, message M) {
	var none M
	if message == none {
		return
	}
	for rest := message.ProtoReflect().GetUnknown(); len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if n <= 0 {
			return // it was decoded, so it is well formed
		}
		u.add(unknownField{in: in, number: number})
		rest = rest[n:]
	}
}
