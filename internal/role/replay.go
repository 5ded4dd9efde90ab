package role

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/resolve"
	"github.com/portolan-io/portolan/internal/traffic"
)

// ReplayOptions is everything a replay can be told. Each list names files, folders of files, or "-" for standard input.
type ReplayOptions struct {
	Objects   []string  // Kubernetes objects as YAML or JSON, as kubectl get -o yaml prints them
	Captures  []string  // pcap or pcapng
	Sightings []string  // one JSON object a line, as the agent's --dump writes them; its log lines may be between them
	Sockets   []string  // /proc/net/tcp and tcp6 of one network namespace in one file
	SocketsAt time.Time // when Sockets were read; zero means the time of each file

	ClusterDomains    []string // empty means cluster.local
	ExcludeNamespaces []string
	Knowing           KnowingOptions

	Standard io.Reader // standard input
}

// DefaultReplayOptions returns what a replay does when it is told nothing: what the operator does by default. Portolan's own
// traffic is kept out of the map as well.
func DefaultReplayOptions() ReplayOptions {
	o := DefaultOperatorOptions("")
	return ReplayOptions{ExcludeNamespaces: append(o.ExcludeNamespaces, o.Namespace, o.AgentNamespace), Knowing: o.Knowing}
}

// AddFlags registers one flag per field; the field's present value is the default.
func (o *ReplayOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&o.Objects, "objects", o.Objects, "file or folder of Kubernetes objects as kubectl get -o yaml prints them, or - for standard input; may be repeated")
	fs.StringSliceVar(&o.Captures, "pcap", o.Captures, "packet capture, pcap or pcapng, a folder of them, or -; may be repeated")
	fs.StringSliceVar(&o.Sightings, "sightings", o.Sightings, "file that the agent wrote with --dump, a folder of them, or -; its log lines are passed over; may be repeated")
	fs.StringSliceVar(&o.Sockets, "sockets", o.Sockets, "file with /proc/net/tcp and /proc/net/tcp6 of one network namespace, or -; may be repeated")
	fs.TimeVar(&o.SocketsAt, "sockets-at", o.SocketsAt, []string{time.RFC3339}, "when the tables of --sockets were read, in RFC 3339 form (default the time of each file)")
	fs.StringSliceVar(&o.ClusterDomains, "cluster-domain", o.ClusterDomains, "domain of cluster DNS names; empty means cluster.local")
	fs.StringSliceVar(&o.ExcludeNamespaces, "exclude-namespaces", o.ExcludeNamespaces, "namespaces whose traffic is kept out of the map")
	o.Knowing.addFlags(fs)
}

// Validate returns one error per wrong field, joined.
func (o ReplayOptions) Validate() error {
	errs := []error{o.resolving().Validate(), o.Knowing.validate()}
	if len(o.Objects) == 0 {
		errs = append(errs, errors.New("objects: without the cluster's objects nobody can be named; save them with "+
			"kubectl get pods,services,endpointslices,nodes,namespaces,deployments,replicasets,statefulsets,daemonsets,jobs,cronjobs -A -o yaml"))
	}
	if len(o.Captures)+len(o.Sightings)+len(o.Sockets) == 0 {
		errs = append(errs, errors.New("there is nothing to replay: give --pcap, --sightings or --sockets"))
	}
	standard := 0
	for _, name := range slices.Concat(o.Objects, o.Captures, o.Sightings, o.Sockets) {
		if name == standardInput {
			standard++
		}
	}
	if standard > 1 {
		errs = append(errs, errors.New("standard input can be read once: give - for one thing only"))
	}
	if slices.Contains(o.Sockets, standardInput) && o.SocketsAt.IsZero() {
		errs = append(errs, errors.New("sockets: standard input has no time of its own; give --sockets-at"))
	}
	return errors.Join(errs...)
}

func (o ReplayOptions) resolving() resolve.Options {
	r := resolve.DefaultOptions()
	r.ExcludedNamespaces = resolve.ParseNamespaces(strings.Join(o.ExcludeNamespaces, ","))
	if len(o.ClusterDomains) > 0 {
		r.ClusterDomains = o.ClusterDomains
	}
	o.Knowing.apply(&r)
	return r
}

// Replay plays the line without a cluster: what was recorded comes in, the clock is that of the records.
//
//	captures ─▶ dns, syn ─▶ window ─┐
//	socket tables ──────────────────┼▶ by time ─▶ resolve ─▶ graph ─▶ the map, and what became no edge
//	sightings ──────────────────────┘               ▲
//	objects ─▶ snapshot ────────────────────────────┘
func Replay(o ReplayOptions) (document.Map, error) {
	snapshot, err := o.snapshot()
	if err != nil {
		return document.Map{}, err
	}
	seen, err := o.record()
	if err != nil {
		return document.Map{}, err
	}
	slices.SortStableFunc(seen.sightings, func(a, b traffic.Sighting) int { return cmp.Or(a.Last.Compare(b.Last), a.First.Compare(b.First)) })
	g := graph.New(graph.DefaultLimits())
	intake := resolve.NewIntake(o.resolving(), g)
	window := take(intake, snapshot, seen.sightings)
	for _, l := range seen.lost {
		window.Dropped += l.Count
	}
	return document.Map{
		Window: window, Edges: g.View(graph.Filter{}), Dropped: append(droppedBy(intake.Ledger), seen.lost...),
	}, nil
}

// take gives sightings to the intake in the order of their times, which are its clock, and returns the time that they
// span.
func take(intake *resolve.Intake, snapshot *cluster.Snapshot, sightings []traffic.Sighting) document.Window {
	if len(sightings) == 0 {
		return document.Window{}
	}
	window := document.Window{From: sightings[0].First, To: sightings[len(sightings)-1].Last}
	tried := window.From
	for _, s := range sightings {
		if s.First.Before(window.From) {
			window.From = s.First
		}
		if s.Last.Sub(tried) >= retryEvery {
			tried = s.Last
			intake.Retry(snapshot, tried)
		}
		intake.Take(snapshot, s, s.Last)
		window.Acknowledged += s.Count
	}
	intake.Retry(snapshot, window.To.Add(resolve.DefaultPatience))
	return window
}

// droppedBy returns what a ledger holds.
func droppedBy(l *resolve.Ledger) []document.Dropped {
	var all []document.Dropped
	for _, count := range l.Counts() {
		all = append(all, document.Dropped{
			Reason: string(count.Reason), Source: string(count.Source), Count: count.Count,
			Example: resolve.Describe(count.Newest),
		})
	}
	return all
}
