// Package conntrack makes sightings of the flows that the node's kernel tracks: connections with their translated
// addresses, UDP included.
//
// It must not change the connection table, and it reads that of its own network namespace only.
package conntrack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/portolan-io/portolan/internal/capture/frame"
	"github.com/portolan-io/portolan/internal/traffic"
)

const (
	listEvery = time.Minute // how often all of the table is read
	listPause = time.Second // least time between two readings, whatever happens
)

// Source puts the flows of the kernel's connection table into a window: those that there are when it begins, each new one
// once it was answered, and about once a minute each pair that still has one. The client of a flow is who sent its first
// packet, and stays it when the kernel has forgotten the flow and the server speaks next. All methods but Run are safe for
// concurrent use.
type Source struct {
	window *traffic.Window
	open   func() (kernel, error)
	status atomic.Pointer[frame.Status]

	counted tally
	flows   *traffic.Connections
	clients *clients
}

// kernel is the connection table. Its methods are called from one goroutine, but close.
type kernel interface {
	// list calls take with each entry of the table.
	list(take func(entry []byte)) error
	// next waits for entries that are new or have changed, and calls take with each. It returns os.ErrDeadlineExceeded when
	// there is none until the given time, and syscall.ENOBUFS when some were lost for want of room.
	next(until time.Time, take func(entry []byte)) error
	// timeouts returns how long entries stay.
	timeouts() timeouts
	// close ends a waiting next.
	close()
}

// New returns a source that has not begun.
func New(window *traffic.Window) *Source {
	s := &Source{window: window, open: openKernel, flows: traffic.NewConnections(0), clients: newClients(clientsKept)}
	s.status.Store(&frame.Status{State: frame.Off, Sentence: "conntrack has not started"})
	return s
}

// Run reads until ctx ends, and then returns nil. It returns an error, one sentence for a person with cause and remedy that
// Status has, too, when it cannot read. It leaves nothing behind and may be called again, but not twice at once.
func (s *Source) Run(ctx context.Context) error {
	err := s.run(ctx)
	if err != nil {
		err = fmt.Errorf("conntrack is off: %w", err)
		s.status.Store(&frame.Status{State: frame.Off, Sentence: err.Error()})
		return err
	}
	s.status.Store(&frame.Status{State: frame.Off, Sentence: "conntrack was stopped"})
	return nil
}

func (s *Source) run(ctx context.Context) error {
	table, err := s.open() // events are kept from now on, so nothing is missed between them and the first reading
	if err != nil {
		return explained(err)
	}
	defer table.close()
	stop := context.AfterFunc(ctx, table.close)
	defer stop()
	for ctx.Err() == nil {
		read := time.Now()
		if err := s.list(table, read); err != nil && ctx.Err() == nil {
			return explained(err)
		}
		if err := s.follow(ctx, table, read); err != nil {
			return explained(err)
		}
	}
	return nil
}

// explained adds the remedy to what the kernel says.
func explained(err error) error {
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("reading the connection table was refused (%w); add the NET_ADMIN capability to the agent's container, or look for a security module (AppArmor, SELinux) that forbids it", err)
	}
	return fmt.Errorf("the connection table cannot be read (%w); use a kernel with CONFIG_NF_CT_NETLINK, or load its module nf_conntrack_netlink", err)
}

// list reads all of the table.
func (s *Source) list(table kernel, at time.Time) error {
	s.flows.Look()
	again, entries, stay := s.flows.Again(), 0, table.timeouts()
	err := table.list(func(entry []byte) {
		entries++
		s.take(entry, at, &stay)
	})
	s.counted[Recounted].Add(s.flows.Again() - again)
	status := &frame.Status{State: frame.On}
	if entries == 0 {
		status = &frame.Status{
			State: frame.Degraded, Sentence: "conntrack: the table is empty; this network plugin probably keeps its own",
		}
	}
	s.status.Store(status)
	return err
}

// follow takes changes of the table until all of it is to be read again: after a minute, or when changes were lost.
func (s *Source) follow(ctx context.Context, table kernel, read time.Time) error {
	until := read.Add(listEvery)
	for {
		err := table.next(until, func(entry []byte) {
			s.take(entry, time.Now(), &timeouts{}) // a change comes with a packet
		})
		switch {
		case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
			return nil //nolint:nilerr // the end, and time to read all of it, are no failures
		case errors.Is(err, syscall.ENOBUFS):
			s.counted[Overrun].Add(1)
			until = read.Add(listPause)
		case err != nil:
			return err
		}
		if !time.Now().Before(until) {
			return nil
		}
	}
}

// take makes a sighting of one entry as of its last packet, or counts why not.
func (s *Source) take(entry []byte, at time.Time, stay *timeouts) {
	flow, ok := Decode(entry)
	if !ok {
		s.counted[Malformed].Add(1)
		return
	}
	s.clients.turn(&flow, at)
	if why := flow.Judge(); why != Used {
		s.counted[why].Add(1)
		return
	}
	s.counted[Forgotten].Add(s.clients.remember(&flow, at))
	if sighting := flow.sighting(at.UTC()); s.flows.Tells(&sighting) {
		sighting.First = sighting.First.Add(-stay.idle(&flow))
		sighting.Last = sighting.First
		s.window.Add(sighting)
	}
}

func (f *Flow) sighting(at time.Time) traffic.Sighting {
	from, to := f.Original.Source, f.Original.Destination
	return traffic.Sighting{
		Source: traffic.Flow,
		From:   traffic.Party{Addr: from.Addr(), Port: from.Port()},
		To:     traffic.Party{Addr: to.Addr(), Port: to.Port()},
		What:   traffic.What{Act: traffic.Connect, Protocol: f.transport(), Translated: f.Translated()},
		First:  at,
		Last:   at,
		Count:  1,
	}
}

// Status returns what a person should know of the source now.
func (s *Source) Status() frame.Status { return *s.status.Load() }

// Counts returns how many entries made no sighting, by reason, in a fixed order. An entry counts each time it is read.
func (s *Source) Counts() []frame.Count { return s.counted.counts() }
