package role

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/portolan-io/portolan/internal/capture/dns"
	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/capture/socket"
	"github.com/portolan-io/portolan/internal/capture/syn"
	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/traffic"
)

// record is what the files of a replay hold.
type record struct {
	sightings []traffic.Sighting
	lost      []document.Dropped // what a file holds and nobody could read
}

// record reads the files that sightings come from.
func (o ReplayOptions) record() (*record, error) {
	r := &record{}
	for _, kind := range []struct {
		what  string
		paths []string
		names []string // how such files end, in a folder
		read  func(*recording) error
	}{
		{"the capture", o.Captures, []string{".pcap", ".pcapng", ".cap"}, r.capture},
		{"the socket table", o.Sockets, []string{".txt", ".tcp"}, func(s *recording) error { return r.sockets(s, o.SocketsAt) }},
		{"sightings", o.Sightings, []string{".jsonl", ".log"}, r.lines},
	} {
		for _, path := range kind.paths {
			if err := o.each(path, kind.names, kind.read); err != nil {
				return nil, fmt.Errorf("reading %s: %w", kind.what, err)
			}
		}
	}
	return r, nil
}

// standardInput is the path that means it.
const standardInput = "-"

// recording is an open file.
type recording struct {
	io.Reader

	name string
	time time.Time // of its last change; zero for standard input
}

// each opens a file, standard input, or every file below a folder whose name ends in one of endings, in the order of their
// names, and has it read. An error names the file.
func (o ReplayOptions) each(path string, endings []string, read func(*recording) error) error {
	if path == standardInput {
		return named("standard input", read(&recording{Reader: o.Standard, name: "standard input"}))
	}
	files, err := filesIn(path, endings)
	if err != nil {
		return err
	}
	for _, name := range files {
		if err := open(name, read); err != nil {
			return err
		}
	}
	return nil
}

func open(name string, read func(*recording) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close() // nothing was written
	about, err := file.Stat()
	if err != nil {
		return err
	}
	return named(name, read(&recording{Reader: file, name: name, time: about.ModTime().UTC()}))
}

func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// filesIn returns a file, or those below a folder whose names have one of the endings.
func filesIn(path string, endings []string) ([]string, error) {
	about, err := os.Stat(path)
	if err != nil || !about.IsDir() {
		return []string{path}, err
	}
	var files []string
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains(endings, filepath.Ext(name)) {
			files = append(files, name)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no file that ends in %s", path, eitherOf(endings))
	}
	return files, err
}

// eitherOf writes ".a, .b or .c".
func eitherOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// capture reads packets with the decoders of the agent.
func (r *record) capture(from *recording) error {
	window := traffic.NewWindow(0)
	answers, connections := dns.New(window, traffic.Offline), syn.New(window, traffic.Offline)
	counts, err := frame.Read(from, answers, connections, &drain{window: window, into: &r.sightings})
	if err != nil {
		return err
	}
	r.lose(from.name, counts)
	r.lose(from.name, answers.Counts())
	r.lose(from.name, connections.Counts())
	r.lose(from.name, []frame.Count{{Reason: "window-full", Lost: true, N: window.Overflow()}})
	return nil
}

// lose notes the counts of a file that mean a loss.
func (r *record) lose(file string, counts []frame.Count) {
	for _, c := range counts {
		if c.Lost && c.N > 0 {
			r.lost = append(r.lost, document.Dropped{Reason: c.Reason, Source: string(traffic.Offline), Count: c.N, Example: file})
		}
	}
}

// drain empties a window every few seconds of a capture's time, so that a sighting does not fold what is far apart.
type drain struct {
	window *traffic.Window
	into   *[]traffic.Sighting
	next   time.Time
}

// foldFor is how long repeats in a capture are folded into one sighting, as an agent does between two batches.
const foldFor = 5 * time.Second

// Handle implements frame.Decoder.
func (d *drain) Handle(*frame.Packet) {}

// Tick implements frame.Decoder.
func (d *drain) Tick(now time.Time) {
	if !now.Before(d.next) {
		d.Flush()
		d.next = now.Add(foldFor)
	}
}

// Flush implements frame.Decoder.
func (d *drain) Flush() { *d.into = d.window.Drain(*d.into, 0) }

// sockets reads the sockets of one network namespace, as they were at a moment, or at the time of the file.
func (r *record) sockets(from *recording, at time.Time) error {
	var table socket.Table
	malformed, oversize, err := table.Read(from)
	if err != nil {
		return err
	}
	if malformed > 0 && table.Len() == 0 {
		return errors.New("this is no table of sockets as /proc/net/tcp shows it")
	}
	losses := []frame.Count{{Reason: "malformed", Lost: true, N: malformed}}
	if oversize {
		losses = append(losses, frame.Count{Reason: "oversize", Lost: true, N: 1})
	}
	r.lose(from.name, losses)
	if at.IsZero() {
		at = from.time
	}
	for row, side := range table.Established() {
		if side == socket.Client {
			r.sightings = append(r.sightings, socket.Sighting(row, "", at))
		}
	}
	return nil
}

// logLine is how a line of the agent's log begins: kubectl logs shows it between the sightings of --dump=-.
const logLine = `{"time":`

// lines reads sightings, one a line. Blank lines and the agent's log are passed over, lines that are no sighting are lost
// alone. What holds such lines only is no file of sightings.
func (r *record) lines(from *recording) error {
	in := bufio.NewReaderSize(from, traffic.MaxLine+1)
	bad := document.Dropped{Reason: "malformed", Source: string(traffic.Offline)}
	before := len(r.sightings)
	for n := 1; ; n++ {
		line, err := lineOf(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = r.line(line)
		} else if !errors.Is(err, errLongLine) {
			return err
		}
		if err != nil {
			bad.Count++
			bad.Example = cmp.Or(bad.Example, fmt.Sprintf("line %d: %v", n, err))
		}
	}
	switch {
	case bad.Count > 0 && len(r.sightings) == before:
		return fmt.Errorf("no line is a sighting; %s", bad.Example)
	case bad.Count > 0:
		bad.Example = from.name + ", " + bad.Example
		r.lost = append(r.lost, bad)
	}
	return nil
}

// line takes one line. An error says why it is no sighting.
func (r *record) line(text []byte) error {
	if len(text) == 0 || bytes.HasPrefix(text, []byte(logLine)) {
		return nil
	}
	s, err := traffic.ParseLine(text)
	if err != nil {
		return err
	}
	r.sightings = append(r.sightings, s)
	return nil
}

var errLongLine = fmt.Errorf("the line has over %d bytes", traffic.MaxLine)

// lineOf returns the next line without blanks at its ends, valid until the next call. At the end it returns io.EOF.
func lineOf(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if err == nil || errors.Is(err, io.EOF) {
			err = errLongLine
		}
		return nil, err
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		err = nil // the last line has no end
	}
	return bytes.TrimSpace(line), err
}
