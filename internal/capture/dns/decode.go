// Package dns makes sightings of DNS answers: who asked for which name and got which address.
//
// It must not open sockets, resolve anything itself, or judge whether an answer can be trusted.
package dns

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// Message is what an answer says about addresses.
type Message struct {
	ID      uint16
	Type    uint16   // of the question: A, AAAA or any
	Name    string   // of the question, in lower case without the final dot
	Aliases string   // the other names on the CNAME chain, in order, at most 8, joined by a blank
	Answers []Answer // in message order, each address once; valid until the next Decode
}

// Answer is one address of a message.
type Answer struct {
	Addr netip.Addr // unmapped
	TTL  uint32     // seconds; a value with the top bit set is 0, RFC 2181 section 8
}

// Decoder reads DNS messages and owns the memory that this needs, so that reading allocates nothing but names that it
// has not seen lately. Make one with NewDecoder. It is not safe for concurrent use.
type Decoder struct {
	alphabet *alphabet
	names    names
	text     []byte // of the name being read
	records  []record
	chain    []int // offsets of the names from the question's on
	answers  []Answer
}

// record is the head of one record of the answer section. Offsets are into the message.
type record struct {
	owner int // of the name's first label, behind a pointer
	data  int
	size  int
	kind  uint16
	ttl   uint32
}

const (
	typeA     = 1
	typeCNAME = 5
	typeAAAA  = 28
	typeAny   = 255
	classIN   = 1

	recordHead  = 10 // type, class, TTL, length
	mostRecords = 256
	mostSteps   = 16
	mostAliases = 8
)

const (
	flagResponse  = 0x8000
	maskOpcode    = 0x7800
	flagTruncated = 0x0200
	maskRCode     = 0x000f
)

// NewDecoder returns a decoder that has seen nothing.
func NewDecoder() *Decoder {
	return &Decoder{
		alphabet: newAlphabet(),
		text:     make([]byte, 0, (mostAliases+1)*(mostName+1)),
		records:  make([]record, 0, mostRecords),
		chain:    make([]int, 0, mostSteps+1),
		answers:  make([]Answer, 0, mostRecords),
	}
}

// Decode reads msg, a message without the two-byte length that TCP puts in front; cut says that its end is missing. It
// takes the addresses that the answer section gives for the question's name, directly or along CNAME records in any
// order, at most 16 of them.
//
// The reason is Used, or the one thing that was wrong or missing. Answers may be there with each of the dropped reasons:
// what was read before the trouble is valid. With an ignored reason there are none. msg is not kept and not changed.
//
// Source: RFC 1035 section 4.
func (d *Decoder) Decode(msg []byte, cut bool) (Message, Reason) {
	if reason := checkHeader(msg, cut); reason != Used {
		return Message{}, reason
	}
	m, at, reason := d.question(msg, cut)
	if reason != Used {
		return Message{}, reason
	}
	trouble := d.readRecords(msg, at)
	truncated := cut || binary.BigEndian.Uint16(msg[2:])&flagTruncated != 0
	if truncated && trouble != Oversize {
		trouble = Truncated
	}
	d.followChain(msg)
	d.collect(msg)
	if len(d.answers) == 0 {
		if trouble == Used {
			trouble = NoAddress
		}
		return Message{}, trouble
	}
	m.Answers = d.answers
	var bad Reason
	if m.Aliases, bad = d.aliases(msg); trouble == Used {
		trouble = bad
	}
	return m, trouble
}

func checkHeader(msg []byte, cut bool) Reason {
	if len(msg) < headerLength {
		return ending(cut)
	}
	flags := binary.BigEndian.Uint16(msg[2:])
	switch {
	case flags&flagResponse == 0:
		return Query
	case flags&maskOpcode != 0:
		return Opcode
	case flags&maskRCode != 0:
		return RCode
	case binary.BigEndian.Uint16(msg[4:]) != 1:
		return QuestionCount
	}
	return Used
}

// ending is the reason for a message that stops too early.
func ending(cut bool) Reason {
	if cut {
		return Truncated
	}
	return Malformed
}

// question reads the only question and returns the offset behind it.
func (d *Decoder) question(msg []byte, cut bool) (m Message, at int, _ Reason) {
	at = skipName(msg, headerLength)
	if at < 0 || at+4 > len(msg) {
		return m, at, ending(cut)
	}
	m.ID = binary.BigEndian.Uint16(msg)
	m.Type = binary.BigEndian.Uint16(msg[at:])
	if class := binary.BigEndian.Uint16(msg[at+2:]); class != classIN || (m.Type != typeA && m.Type != typeAAAA && m.Type != typeAny) {
		return m, at, OtherType
	}
	text, reason := d.alphabet.appendName(d.text[:0], msg, headerLength)
	if reason != Used {
		return m, at, reason
	}
	m.Name = d.names.text(text)
	return m, at + 4, Used
}

// readRecords collects the records of the answer section that matter, up to the first one that does not fit.
func (d *Decoder) readRecords(msg []byte, at int) Reason {
	d.records = d.records[:0]
	for range binary.BigEndian.Uint16(msg[6:]) {
		name := at
		at = skipName(msg, at)
		if at < 0 || at+recordHead > len(msg) {
			return Malformed
		}
		r := record{owner: target(msg, name)}
		r.kind = binary.BigEndian.Uint16(msg[at:])
		class := binary.BigEndian.Uint16(msg[at+2:])
		r.ttl = binary.BigEndian.Uint32(msg[at+4:])
		r.size = int(binary.BigEndian.Uint16(msg[at+8:]))
		r.data = at + recordHead
		at = r.data + r.size
		if at > len(msg) || !r.fits(msg) {
			return Malformed
		}
		if class != classIN || !r.matters() {
			continue
		}
		if len(d.records) == mostRecords {
			return Oversize
		}
		d.records = append(d.records, r)
	}
	return Used
}

func (r *record) matters() bool { return r.kind == typeA || r.kind == typeAAAA || r.kind == typeCNAME }

// fits reports whether the data has the length that its type wants.
func (r *record) fits(msg []byte) bool {
	switch r.kind {
	case typeA:
		return r.size == 4
	case typeAAAA:
		return r.size == 16
	case typeCNAME:
		return skipName(msg, r.data) == r.data+r.size
	}
	return true
}

// followChain walks the CNAME records from the question's name on. A loop and the sixteenth step end the walk.
func (d *Decoder) followChain(msg []byte) {
	d.chain = append(d.chain[:0], headerLength)
	for range mostSteps {
		next := d.aliased(msg, d.chain[len(d.chain)-1])
		if next < 0 || d.onChain(msg, next) {
			return
		}
		d.chain = append(d.chain, next)
	}
}

// aliased returns the offset of the name that the name at the offset at is an alias of, or -1.
func (d *Decoder) aliased(msg []byte, at int) int {
	for i := range d.records {
		if r := &d.records[i]; r.kind == typeCNAME && sameName(msg, r.owner, at) {
			return target(msg, r.data)
		}
	}
	return -1
}

// onChain reports whether the name at the offset at is on the chain. The last name on it is the most likely one.
func (d *Decoder) onChain(msg []byte, at int) bool {
	for _, name := range slices.Backward(d.chain) {
		if sameName(msg, at, name) {
			return true
		}
	}
	return false
}

// collect takes the addresses of the names on the chain.
func (d *Decoder) collect(msg []byte) {
	d.answers = d.answers[:0]
	for i := range d.records {
		r := &d.records[i]
		if r.kind == typeCNAME || !d.onChain(msg, r.owner) {
			continue
		}
		a := Answer{TTL: r.ttl}
		if int32(a.TTL) < 0 {
			a.TTL = 0
		}
		if r.kind == typeA {
			a.Addr = netip.AddrFrom4([4]byte(msg[r.data:]))
		} else {
			a.Addr = netip.AddrFrom16([16]byte(msg[r.data:])).Unmap()
		}
		d.answer(a)
	}
}

// answer adds a, or lets the longer life win if its address is there.
func (d *Decoder) answer(a Answer) {
	for i := range d.answers {
		if d.answers[i].Addr == a.Addr {
			d.answers[i].TTL = max(d.answers[i].TTL, a.TTL)
			return
		}
	}
	d.answers = append(d.answers, a)
}

// aliases returns the names on the chain behind the question's, without those that are no host names.
func (d *Decoder) aliases(msg []byte) (string, Reason) {
	further := d.chain[1:]
	if len(further) == 0 {
		return "", Used
	}
	text, trouble := d.text[:0], Used
	for _, at := range further[:min(len(further), mostAliases)] {
		before := len(text)
		if before > 0 {
			text = append(text, ' ')
		}
		var reason Reason
		if text, reason = d.alphabet.appendName(text, msg, at); reason != Used {
			text, trouble = text[:before], reason
		}
	}
	if len(text) == 0 {
		return "", trouble
	}
	return d.names.text(text), trouble
}
