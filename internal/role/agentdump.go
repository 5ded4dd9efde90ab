package role

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
)

// dump writes what is seen as lines, until writing fails. It is used by one goroutine.
type dump struct {
	name   string
	out    io.Writer
	close  func()
	buffer []byte
	ended  bool
}

func openDump(o AgentOptions) (*dump, error) {
	d := &dump{name: o.Dump, out: o.Output, close: func() {}}
	switch o.Dump {
	case "":
		d.out, d.ended = io.Discard, true
	case "-":
		d.name = "standard output"
	default:
		file, err := os.OpenFile(o.Dump, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("opening the file of --dump: %w", err)
		}
		d.out, d.close = file, func() { _ = file.Close() } // every write was checked
	}
	return d, nil
}

// take writes the sightings. It fails once, and writes nothing from then on: half a line would spoil the next one.
func (d *dump) take(list []traffic.Sighting) error {
	if d.ended || len(list) == 0 {
		return nil
	}
	d.buffer = d.buffer[:0]
	for _, s := range list {
		d.buffer = traffic.AppendLine(d.buffer, s)
	}
	if _, err := d.out.Write(d.buffer); err != nil {
		d.ended = true
		return fmt.Errorf("writing sightings to %s: %w", d.name, err)
	}
	return nil
}

// drain empties the window into the dump each interval, and once more when ctx has ended.
func (d *dump) drain(ctx context.Context, window *traffic.Window, interval time.Duration) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return d.take(window.Drain(nil, 0))
		case <-ticker.C:
			if err := d.take(window.Drain(nil, 0)); err != nil {
				return err
			}
		}
	}
}
