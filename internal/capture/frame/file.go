package frame

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Read gives every packet of a pcap or pcapng file to every decoder in order, ticks with the time of the packets, and
// flushes the decoders at the end. The format is found by the first octets, not by the name.
//
// It returns the counts of packets that no decoder was given; a last packet that the file holds only in part is among
// them, as truncated, and is no error. An error names the offset; what came before has been handed over.
func Read(r io.Reader, decoders ...Decoder) ([]Count, error) {
	in := &input{reader: bufio.NewReaderSize(r, 1<<16)}
	var refused refusals
	l := line{refused: &refused, decoders: decoders}
	cut, err := readAll(in, &l)
	l.flush()
	counts := append(refused.counts(), Count{Reason: "truncated", Lost: true, N: cut})
	if err != nil {
		return counts, fmt.Errorf("at offset %d: %w", in.at, err)
	}
	return counts, nil
}

// format reads the packets of one kind of file.
type format interface {
	// next fills f with the next packet. Its payload is valid until the next call.
	next(f *Frame) error
}

// readAll returns how many packets were cut by the end of the file.
func readAll(in *input, l *line) (cut uint64, _ error) {
	packets, err := formatOf(in)
	if err != nil {
		return 0, err
	}
	var f Frame
	var ticked time.Time
	for {
		switch err := packets.next(&f); {
		case errors.Is(err, io.EOF):
			return 0, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return 1, nil
		case err != nil:
			return 0, err
		}
		l.handle(&f)
		if l.last.Sub(ticked).Abs() >= tickEvery {
			l.tick()
			ticked = l.last
		}
	}
}

// formatOf looks at the first octets, which tell the format and the order of octets.
func formatOf(in *input) (format, error) {
	magic, err := in.reader.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("the file is too short for a capture: %w", err)
	}
	if binary.LittleEndian.Uint32(magic) == blockSection {
		return &pcapng{in: in}, nil
	}
	return newPcap(in)
}

// input is a file with the offset of what is read next.
type input struct {
	reader *bufio.Reader
	at     int64
	buffer []byte
}

// take returns the next n octets, valid until the next call. At the end of the file it is io.EOF, within n octets of the
// end io.ErrUnexpectedEOF.
func (i *input) take(n int) ([]byte, error) {
	if cap(i.buffer) < n {
		i.buffer = make([]byte, n)
	}
	got, err := io.ReadFull(i.reader, i.buffer[:n])
	i.at += int64(got)
	return i.buffer[:n], err
}

// skip passes over n octets.
func (i *input) skip(n int) error {
	got, err := i.reader.Discard(n)
	i.at += int64(got)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
