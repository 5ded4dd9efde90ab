package role

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/internal/capture/dns"
	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/capture/socket"
	"github.com/portolan-io/portolan/internal/capture/syn"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
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
	for _, name := range o.Captures {
		if err := r.capture(name); err != nil {
			return nil, fmt.Errorf("reading the capture: %w", err)
		}
	}
	for _, name := range o.Sockets {
		if err := r.sockets(name); err != nil {
			return nil, fmt.Errorf("reading the socket table: %w", err)
		}
	}
	for _, name := range o.Sightings {
		if err := r.lines(name); err != nil {
			return nil, fmt.Errorf("reading sightings: %w", err)
		}
	}
	return r, nil
}

// capture reads a packet file with the decoders of the agent.
func (r *record) capture(name string) error {
	window := traffic.NewWindow(0)
	answers, connections := dns.New(window, traffic.Offline), syn.New(window, traffic.Offline)
	counts, err := frame.ReadFile(name, answers, connections, &drain{window: window, into: &r.sightings})
	if err != nil {
		return err
	}
	r.lose(name, counts)
	r.lose(name, answers.Counts())
	r.lose(name, connections.Counts())
	r.lose(name, []frame.Count{{Reason: "window-full", Lost: true, N: window.Overflow()}})
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

// sockets reads the sockets of one network namespace, at the time of the file.
func (r *record) sockets(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil {
		return err
	}
	var table socket.Table
	malformed, oversize, err := table.Read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	losses := []frame.Count{{Reason: "malformed", Lost: true, N: malformed}}
	if oversize {
		losses = append(losses, frame.Count{Reason: "oversize", Lost: true, N: 1})
	}
	r.lose(name, losses)
	for row, side := range table.Established() {
		if side == socket.Client {
			r.sightings = append(r.sightings, socket.Sighting(row, "", about.ModTime().UTC()))
		}
	}
	return nil
}

// lines reads sightings, one a line. Blank lines are passed over, lines that are no sighting are lost alone.
func (r *record) lines(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewScanner(file)
	in.Buffer(nil, traffic.MaxLine+1)
	bad := document.Dropped{Reason: "malformed", Source: string(traffic.Offline)}
	for n := 1; in.Scan(); n++ {
		if strings.TrimSpace(in.Text()) == "" {
			continue
		}
		s, err := traffic.ParseLine(in.Bytes())
		if err != nil {
			bad.Count++
			bad.Example = cmp.Or(bad.Example, fmt.Sprintf("%s, line %d: %v", name, n, err))
			continue
		}
		r.sightings = append(r.sightings, s)
	}
	if bad.Count > 0 {
		r.lost = append(r.lost, bad)
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%s: a line has over %d bytes", name, traffic.MaxLine)
	}
	return in.Err()
}

// readObjects reads the objects of a cluster from files, and from all YAML and JSON files below folders.
func readObjects(paths []string) (*cluster.Snapshot, error) {
	var objects []runtime.Object
	known := make(map[types.UID]bool)
	for _, path := range paths {
		files, err := manifestsIn(path)
		if err != nil {
			return nil, fmt.Errorf("reading objects: %w", err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("reading objects: %w", err)
			}
			read, err := trim.DecodeDump(text)
			if err != nil {
				return nil, fmt.Errorf("reading objects: %s: %w", file, err)
			}
			objects = append(objects, slices.DeleteFunc(read, func(o runtime.Object) bool { return again(known, o) })...)
		}
	}
	snapshot, err := trim.FromObjects(objects)
	if err != nil {
		return nil, fmt.Errorf("reading objects: %w", err)
	}
	return snapshot, nil
}

// again reports whether an object was read before: dumps overlap.
func again(known map[types.UID]bool, object runtime.Object) bool {
	o, err := meta.Accessor(object)
	if err != nil || o.GetUID() == "" {
		return false
	}
	before := known[o.GetUID()]
	known[o.GetUID()] = true
	return before
}

// manifestsIn returns a file, or the YAML and JSON files below a folder in the order of their names.
func manifestsIn(path string) ([]string, error) {
	about, err := os.Stat(path)
	if err != nil || !about.IsDir() {
		return []string{path}, err
	}
	var files []string
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) {
			files = append(files, name)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no file that ends in .yaml, .yml or .json", path)
	}
	return files, err
}
