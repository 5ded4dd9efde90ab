package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// jsonCodec reads and writes JSON for people who talk to the operator by hand.
type jsonCodec struct{ name string }

// Name implements connect.Codec.
func (c jsonCodec) Name() string { return c.name }

// Marshal implements connect.Codec.
func (jsonCodec) Marshal(message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is not a protobuf message", message)
	}
	return protojson.Marshal(m)
}

// Unmarshal implements connect.Codec. A syntax error names line and column, and a wrong value its field. Members that
// the schema does not have are ignored; a request keeps what they are.
func (jsonCodec) Unmarshal(data []byte, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is not a protobuf message", message)
	}
	if len(data) == 0 {
		return errors.New("the body is empty; want a JSON object")
	}
	if objects(data) > maxObjects {
		return fmt.Errorf("more than %d JSON objects; a batch holds at most %d sightings", maxObjects, MaxSightings)
	}
	if protojson.Unmarshal(data, m) == nil {
		return nil
	}
	// Something is unknown or wrong. Which it is costs a second look, which good requests are spared.
	if err := tolerant().Unmarshal(data, m); err != nil {
		return misfit(data, m, err)
	}
	if r, keeps := message.(request); keeps {
		newJSONReader(data, r.strange(), false).read(m)
	}
	return nil
}

// word is a name that stands where the schema has a list of names, and is none of them.
type word struct {
	field protoreflect.FieldDescriptor
	path  string // of the field, from the request on
	text  string
}

// String says what is wrong with the word in the sighting that holds it.
func (w word) String() string {
	values := w.field.Enum().Values()
	names := make([]string, 0, values.Len())
	for i := 1; i < values.Len(); i++ { // the first one is "not said"
		names = append(names, string(values.Get(i).Name()))
	}
	return fmt.Sprintf("%s: %s is no name that this operator knows; it knows %s",
		strings.TrimPrefix(w.path, "sightings."), shown(w.text), strings.Join(names, ", "))
}

// tolerant reads past what the schema does not have.
func tolerant() protojson.UnmarshalOptions { return protojson.UnmarshalOptions{DiscardUnknown: true} }

// objects counts the opening braces outside of strings.
func objects(data []byte) int {
	count, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '{' && !quoted:
			count++
		}
	}
	return count
}

// misfit returns err with the path of the first value that its field cannot hold, and what the field can. A mistake
// that is not about one value, such as in the syntax, stays as it is: err names its line.
func misfit(data []byte, m proto.Message, err error) error {
	reader := newJSONReader(data, new(unknown), true)
	reader.read(m)
	if reader.wrong == "" {
		return err
	}
	return fmt.Errorf("%s: %w", reader.wrong, err)
}

// jsonReader goes through the text of a message along its schema, a token at a time. It collects the members that the
// schema does not have, or judges values and stops at the first one that is wrong.
type jsonReader struct {
	tokens  *json.Decoder
	unknown *unknown
	judges  bool
	wrong   string // the field whose value is wrong, and what it wants
	element int    // position in the list of the request that is read
}

func newJSONReader(data []byte, found *unknown, judges bool) *jsonReader {
	tokens := json.NewDecoder(bytes.NewReader(data))
	tokens.UseNumber()
	return &jsonReader{tokens: tokens, unknown: found, judges: judges}
}

func (j *jsonReader) read(m proto.Message) {
	if first, err := j.tokens.Token(); err == nil && first == json.Delim('{') {
		j.object(m.ProtoReflect(), "")
	}
}

// object reads the members of m behind the opening brace, and the closing one. Like all that follow it reports whether
// there is reason to read on. m is for its type; nothing is written to it.
func (j *jsonReader) object(m protoreflect.Message, in string) bool {
	for j.tokens.More() {
		token, err := j.tokens.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return false
		}
		field := fieldNamed(m.Descriptor(), name)
		if field == nil {
			j.unknown.add(unknownField{in: in, name: name})
		}
		if !j.member(m, field, in) {
			return false
		}
	}
	return j.skip() // the brace
}

// fieldNamed returns nil for a name that no field has.
func fieldNamed(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := message.Fields().ByJSONName(name); field != nil {
		return field
	}
	return message.Fields().ByTextName(name)
}

// member reads the value of one field of m; field is nil when m has none for it.
func (j *jsonReader) member(m protoreflect.Message, field protoreflect.FieldDescriptor, in string) bool {
	if field == nil {
		return j.skip()
	}
	path := string(field.Name())
	if in != "" {
		path = in + "." + path
	}
	token, err := j.tokens.Token()
	switch {
	case err != nil:
		return false
	case token == nil: // null is a field that is left out
		return true
	case !field.IsList():
		return j.value(m, field, token, path)
	case token != json.Delim('['):
		return j.refuse(path, "a list")
	}
	return j.list(m, field, path)
}

// list reads the elements of a list behind the opening bracket, and the closing one.
func (j *jsonReader) list(m protoreflect.Message, field protoreflect.FieldDescriptor, path string) bool {
	ofRequest := path == string(field.Name())
	for i := 0; j.tokens.More(); i++ {
		element := path
		if ofRequest {
			j.element = i
		}
		if j.judges {
			element = fmt.Sprintf("%s[%d]", path, i)
		}
		token, err := j.tokens.Token()
		if err != nil || !j.value(m, field, token, element) {
			return false
		}
	}
	return j.skip() // the bracket
}

// value reads one value that begins with token: that of a field of m, or one element of its list.
func (j *jsonReader) value(m protoreflect.Message, field protoreflect.FieldDescriptor, token json.Token, path string) bool {
	switch _, isDelim := token.(json.Delim); {
	case isObject(field) && token == json.Delim('{'):
		return j.object(inner(m, field), path)
	case isObject(field), isDelim, j.judges && !fits(m, field, token):
		return j.refuse(path, wants(field))
	}
	if text, isText := token.(string); isText && field.Enum() != nil && field.Enum().Values().ByName(protoreflect.Name(text)) == nil {
		j.unknown.misname(j.element, word{field, path, text})
	}
	return true
}

func (j *jsonReader) refuse(path, wanted string) bool {
	j.wrong = path + ": want " + wanted
	return false
}

// skip reads one token, and all that belongs to it if it opens something.
func (j *jsonReader) skip() bool {
	for depth := 0; ; {
		token, err := j.tokens.Token()
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth <= 0 {
			return true
		}
	}
}

// isObject reports whether a field holds messages that JSON writes as objects. It writes a time as a string.
func isObject(field protoreflect.FieldDescriptor) bool {
	return field.Message() != nil && !isTime(field)
}

func isTime(field protoreflect.FieldDescriptor) bool {
	return field.Message() != nil && field.Message().FullName() == (*timestamppb.Timestamp)(nil).ProtoReflect().Descriptor().FullName()
}

// inner returns an empty message of the type that a field holds.
func inner(m protoreflect.Message, field protoreflect.FieldDescriptor) protoreflect.Message {
	if field.IsList() {
		return m.NewField(field).List().NewElement().Message()
	}
	return m.NewField(field).Message()
}

// fits reports whether a field of m takes a value that is neither object nor list.
func fits(m protoreflect.Message, field protoreflect.FieldDescriptor, value json.Token) bool {
	member := map[string]any{field.JSONName(): value}
	if field.IsList() {
		member[field.JSONName()] = []any{value}
	}
	text, err := json.Marshal(member)
	return err == nil && tolerant().Unmarshal(text, m.New().Interface()) == nil
}

// wants says what one value of a field must be.
func wants(field protoreflect.FieldDescriptor) string {
	switch kind := field.Kind(); {
	case isTime(field):
		return `a time such as "2026-11-20T07:00:00Z"`
	case kind == protoreflect.MessageKind:
		return "an object"
	case kind == protoreflect.EnumKind:
		return "a name such as " + string(field.Enum().Values().Get(field.Enum().Values().Len()-1).Name())
	case kind == protoreflect.BoolKind:
		return "true or false"
	case kind == protoreflect.StringKind:
		return "a string"
	case kind == protoreflect.BytesKind:
		return "a string in base64"
	default:
		return "a whole number from 0 on that is not too large"
	}
}
