package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// pcap reads the classic format: one head, then packets of one link type.
//
// Source: draft-ietf-opsawg-pcap.
type pcap struct {
	in    *input
	order binary.ByteOrder
	unit  time.Duration // of the fractions of seconds
	link  uint32
}

const (
	magicMicroseconds = 0xa1b2c3d4
	magicNanoseconds  = 0xa1b23c4d
	pcapHead          = 24
	pcapPacketHead    = 16
	mostPacket        = 1 << 20 // no link carries more; a greater length means that the file is broken
	linkMask          = 0xffff  // the bits above tell of frame check sequences
)

func newPcap(in *input) (*pcap, error) {
	head, err := in.take(pcapHead)
	if err != nil {
		return nil, errors.New("the head of the file is cut off")
	}
	p := &pcap{in: in}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(head) {
		case magicMicroseconds:
			p.order, p.unit = order, time.Microsecond
		case magicNanoseconds:
			p.order, p.unit = order, time.Nanosecond
		}
	}
	if p.order == nil {
		return nil, fmt.Errorf("the file begins with %x; give a pcap or pcapng file that is not compressed", head[:4])
	}
	p.link = p.order.Uint32(head[20:]) & linkMask
	return p, knownLink(p.link)
}

func (p *pcap) next(f *Frame) error {
	head, err := p.in.take(pcapPacketHead)
	if err != nil {
		return err
	}
	seconds, fraction := p.order.Uint32(head), p.order.Uint32(head[4:])
	kept, length := p.order.Uint32(head[8:]), p.order.Uint32(head[12:])
	if kept > mostPacket {
		return fmt.Errorf("a packet of %d octets; the file is broken", kept)
	}
	b, err := p.in.take(int(kept))
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF // the head is there, the packet is not
	}
	if err != nil {
		return err
	}
	*f = Frame{Time: time.Unix(int64(seconds), int64(fraction)*int64(p.unit)).UTC(), Cut: kept < length}
	strip(f, p.link, b)
	return nil
}
