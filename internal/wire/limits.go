package wire

import (
	"compress/gzip"
	"fmt"
	"io"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// What one request may hold. Whatever is beyond is refused as a whole with a message that names the limit.
const (
	MaxCompressed = 4 << 20  // bytes of the body as sent
	MaxUnpacked   = 16 << 20 // bytes of the message after gzip
	MaxSightings  = 10_000   // sightings of one batch
)

const (
	// maxItems is how many elements of lists are decoded at most: an empty one takes two bytes on the wire and a
	// hundred in memory. A message that has more is over one of its limits in any case.
	maxItems = 2 * MaxSightings
	// maxObjects is the same for JSON, where a sighting is up to seven objects.
	maxObjects = 8 * MaxSightings
)

// limitHeader marks an answer as "too large", which has a status in HTTP and no code of its own in Connect.
const limitHeader = "Portolan-Limit"

// What requests over a limit are told.
const (
	limitAsSent   = "4 MiB as sent, with or without gzip"
	limitUnpacked = "16 MiB unpacked"
)

func tooLarge(limit string) *connect.Error {
	err := connect.NewError(connect.CodeOutOfRange, fmt.Errorf("the request is over the limit of %s", limit))
	err.Meta().Set(limitHeader, limit)
	return err
}

// boundedBody reads at most left bytes of a request's body and then fails with "too large".
type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, tooLarge(limitAsSent)
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, tooLarge(limitAsSent)
	}
	return n, err
}

// boundedGzip unpacks at most MaxUnpacked bytes of one message and then fails with "too large"; a few KiB of gzip can
// hold gigabytes.
type boundedGzip struct {
	gzip.Reader
	left int
}

func newBoundedGzip() connect.Decompressor { return &boundedGzip{} }

func newGzip() connect.Compressor {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		return gzip.NewWriter(io.Discard)
	}
	return w
}

// Reset implements connect.Decompressor.
func (g *boundedGzip) Reset(r io.Reader) error {
	g.left = MaxUnpacked
	return g.Reader.Reset(r)
}

// Read implements io.Reader.
func (g *boundedGzip) Read(p []byte) (int, error) {
	if len(p) > g.left+1 {
		p = p[:g.left+1]
	}
	n, err := g.Reader.Read(p)
	if g.left -= n; g.left < 0 {
		g.left = 0
		return 0, tooLarge(limitUnpacked)
	}
	return n, err
}

// protoCodec reads and writes protobuf, and decodes no more than maxItems elements of lists.
type protoCodec struct{}

// Name implements connect.Codec.
func (protoCodec) Name() string { return "proto" }

// Marshal implements connect.Codec.
func (protoCodec) Marshal(message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is not a protobuf message", message)
	}
	return proto.Marshal(m)
}

// Unmarshal implements connect.Codec. A request keeps which fields in it are unknown.
func (protoCodec) Unmarshal(data []byte, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is not a protobuf message", message)
	}
	data, err := firstItems(data, m)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(data, m); err != nil {
		return err
	}
	if r, keeps := message.(request); keeps {
		r.look()
	}
	return nil
}

// firstItems returns the beginning of data that holds maxItems+1 elements of m's own lists, or all of data. The caller
// refuses a list that is too long, so what is cut never goes unnoticed. An error names the byte where data stops being
// protobuf.
func firstItems(data []byte, m proto.Message) ([]byte, error) {
	fields := m.ProtoReflect().Descriptor().Fields()
	items := 0
	for at := 0; at < len(data); {
		number, _, n := protowire.ConsumeField(data[at:])
		if n < 0 {
			return nil, fmt.Errorf("byte %d: not a protobuf field: %w", at, protowire.ParseError(n))
		}
		at += n
		if field := fields.ByNumber(number); field == nil || !field.IsList() {
			continue
		}
		if items++; items > maxItems {
			return data[:at], nil
		}
	}
	return data, nil
}
