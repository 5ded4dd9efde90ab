package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"
)

// pcapng reads the newer format: sections of blocks; in each section interfaces are described, then packets refer to them.
//
// Source: draft-ietf-opsawg-pcapng.
type pcapng struct {
	in         *input
	order      binary.ByteOrder
	interfaces []fileInterface
	last       time.Time // of the latest packet that has a time
}

// fileInterface is where packets of a section come from.
type fileInterface struct {
	link   uint32
	keep   uint32 // octets that were kept of each packet at most; 0 is no limit
	unit   uint64 // parts of a second that times count
	offset int64  // seconds to add to times
}

const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockSimple    = 3
	blockEnhanced  = 6

	orderMagic     = 0x1a2b3c4d
	blockFrame     = 12 // type and length in front, length behind
	mostBlock      = 16 << 20
	mostInterfaces = 4096

	optionEnd        = 0
	optionResolution = 9
	optionOffset     = 14
)

func (p *pcapng) next(f *Frame) error {
	for {
		kind, body, err := p.block()
		if err != nil {
			return err
		}
		found := false
		switch kind {
		case blockInterface:
			err = p.describe(body)
		case blockEnhanced:
			found, err = true, p.enhanced(f, body)
		case blockSimple:
			found, err = true, p.simple(f, body)
		}
		if found || err != nil {
			return err
		}
	}
}

// block returns the next block without its frame. The body of a block that nobody reads is empty.
func (p *pcapng) block() (kind uint32, body []byte, err error) {
	head, err := p.in.take(8)
	if err != nil {
		return 0, nil, err
	}
	kind = binary.LittleEndian.Uint32(head)
	if kind == blockSection { // reads the same in both orders
		return kind, nil, p.section(binary.LittleEndian.Uint32(head[4:]))
	}
	kind = p.order.Uint32(head)
	length := p.order.Uint32(head[4:])
	if length < blockFrame || length > mostBlock || length%4 != 0 {
		return 0, nil, fmt.Errorf("a block of %d octets; the file is broken", length)
	}
	if kind != blockInterface && kind != blockEnhanced && kind != blockSimple {
		return kind, nil, p.in.skip(int(length) - 8)
	}
	body, err = p.in.take(int(length) - 8)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return kind, body[:length-blockFrame], err
}

// section begins anew with the order of octets that the section has. length was read as little endian.
func (p *pcapng) section(length uint32) error {
	magic, err := p.in.take(4)
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	switch uint32(orderMagic) {
	case binary.LittleEndian.Uint32(magic):
		p.order = binary.LittleEndian
	case binary.BigEndian.Uint32(magic):
		p.order, length = binary.BigEndian, bits.ReverseBytes32(length)
	default:
		return fmt.Errorf("the order of octets is %x; the file is broken", magic)
	}
	p.interfaces = p.interfaces[:0]
	if length < blockFrame+4 || length > mostBlock {
		return fmt.Errorf("a section head of %d octets; the file is broken", length)
	}
	return p.in.skip(int(length) - blockFrame)
}

func (p *pcapng) describe(body []byte) error {
	if len(body) < 8 {
		return errors.New("the description of an interface is too short")
	}
	if len(p.interfaces) == mostInterfaces {
		return fmt.Errorf("more than %d interfaces in a section", mostInterfaces)
	}
	i := fileInterface{link: uint32(p.order.Uint16(body)), keep: p.order.Uint32(body[4:]), unit: 1_000_000}
	for rest := body[8:]; len(rest) >= 4; {
		code, length := p.order.Uint16(rest), int(p.order.Uint16(rest[2:]))
		padded := 4 + (length+3)/4*4
		if code == optionEnd || padded > len(rest) {
			break
		}
		value := rest[4 : 4+length]
		switch {
		case code == optionResolution && length == 1:
			if i.unit = resolution(value[0]); i.unit == 0 {
				return fmt.Errorf("an interface with a time resolution of %#x, which does not fit into 64 bits", value[0])
			}
		case code == optionOffset && length == 8:
			i.offset = int64(p.order.Uint64(value))
		}
		rest = rest[padded:]
	}
	p.interfaces = append(p.interfaces, i)
	return knownLink(i.link)
}

// resolution returns how many parts a second has: a power of 2 if the top bit is set, else of 10; 0 when it is too much.
func resolution(v byte) uint64 {
	if v >= 0x80 {
		return 1 << (v & 0x7f)
	}
	if v > 19 {
		return 0
	}
	unit := uint64(1)
	for range v {
		unit *= 10
	}
	return unit
}

// at returns the moment that a count of units means on the interface.
func (i fileInterface) at(units uint64) time.Time {
	hi, lo := bits.Mul64(units%i.unit, uint64(time.Second))
	nanos, _ := bits.Div64(hi, lo, i.unit)
	return time.Unix(int64(units/i.unit)+i.offset, int64(nanos)).UTC()
}

func (p *pcapng) enhanced(f *Frame, body []byte) error {
	if len(body) < 20 {
		return errors.New("a packet block is too short")
	}
	number, kept, length := p.order.Uint32(body), p.order.Uint32(body[12:]), p.order.Uint32(body[16:])
	if int64(number) >= int64(len(p.interfaces)) || int64(kept) > int64(len(body)-20) {
		return fmt.Errorf("a packet of interface %d with %d octets, which the file does not have", number, kept)
	}
	i := p.interfaces[number]
	p.last = i.at(uint64(p.order.Uint32(body[4:]))<<32 | uint64(p.order.Uint32(body[8:])))
	*f = Frame{Time: p.last, Cut: kept < length}
	strip(f, i.link, body[20:20+kept])
	return nil
}

// simple reads a packet of the first interface that has no time of its own; it gets that of the packet before.
func (p *pcapng) simple(f *Frame, body []byte) error {
	if len(body) < 4 || len(p.interfaces) == 0 {
		return errors.New("a simple packet block is too short, or no interface was described")
	}
	i := p.interfaces[0]
	length := p.order.Uint32(body)
	kept := min(length, uint32(len(body)-4))
	if i.keep != 0 {
		kept = min(kept, i.keep)
	}
	*f = Frame{Time: p.last, Cut: kept < length}
	strip(f, i.link, body[4:4+kept])
	return nil
}
