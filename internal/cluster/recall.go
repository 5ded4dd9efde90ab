package cluster

import (
	"errors"
	"iter"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
)

// This file is how leases outlive the process: a Snapshot writes Records, and takes them back.

// Recalled returns a snapshot that also remembers who held addresses before this process looked: past is what an earlier one
// recorded, and known when it looked last. Whoever is there still goes on holding; who is not is known to have held until
// known. now is when that was found. What cannot be read is left out, with one error for all.
func (s *Snapshot) Recalled(past []Record, known, now time.Time) (*Snapshot, error) {
	next := *s
	tenants, fronts, hosts := s.tenants.edit(now), s.fronts.edit(now), s.hosts.edit()
	var errs []error
	for _, r := range past {
		unseen := r != r.Closed(known)
		if r = r.Closed(known); isOver(r.To, now) {
			continue
		}
		var err error
		switch class, _, _ := strings.Cut(r.Holder, "/"); class {
		case podHolder:
			err = tenants.recall(r, unseen)
		case serviceHolder:
			err = fronts.recall(r)
		case nodeHolder:
			err = recallHost(hosts, r, now)
		}
		errs = append(errs, err)
	}
	next.tenants, next.fronts, next.hosts = tenants.done(), fronts.done(), hosts.done()
	return &next, errors.Join(errs...)
}

// recall remembers a pod, unless it is there or its end was seen.
func (t *tenancy) recall(r Record, unseen bool) error {
	l, err := r.lease()
	if err != nil {
		return err
	}
	if unseen {
		l.missed = t.now
	}
	if r.Addr.IsValid() {
		same := func(o Lease) bool { return o.Pod.UID == l.Pod.UID }
		if list := t.leases.at(r.Addr); !slices.ContainsFunc(list, same) {
			setList(t.leases, r.Addr, settled(append(slices.Clone(list), l), t.now))
		}
	}
	for _, uid := range l.Pod.uids() {
		if t.byUID.at(uid).Pod == nil && t.former.at(uid).gone.Before(r.To) {
			t.former.set(uid, former{Tenant: l.Tenant, gone: r.To})
			t.makeRoom(uid)
		}
	}
	return nil
}

// recall remembers a Service at an address, unless it is known there.
func (r *reception) recall(record Record) error {
	f, err := record.front()
	if err != nil {
		return err
	}
	list := r.addresses.at(record.Addr)
	same := func(o Front) bool { return o.Service.Is(f.Service) && o.Border == f.Border }
	if !slices.ContainsFunc(list, same) {
		setList(r.addresses, record.Addr, r.settled(append(slices.Clone(list), f)))
	}
	return nil
}

// recallHost remembers a node at an address, unless it is known there.
func recallHost(hosts *editor[netip.Addr, []Host], r Record, now time.Time) error {
	h, err := r.host()
	if err != nil {
		return err
	}
	list := hosts.at(r.Addr)
	same := func(o Host) bool { return o.Node == h.Node && o.From.Equal(h.From) }
	if !slices.ContainsFunc(list, same) {
		setList(hosts, r.Addr, recent(append([]Host{h}, list...), now))
	}
	return nil
}

// Recorded returns what has to be written down so that Recalled finds it: the Records that are others than those of before, a
// snapshot from which this one was made. Of the empty one all are others. The cost grows with what changed. now ends what was
// forgotten before its time.
func (s *Snapshot) Recorded(before *Snapshot, now time.Time) []Record {
	var all []Record
	for addr := range changed(before.tenants.leases, s.tenants.leases) {
		was, is := before.Leases(addr), s.Leases(addr)
		all = news(all, was, is, now, func(l *Lease) Record { return l.record(addr) })
	}
	for addr := range changed(before.fronts.addresses, s.fronts.addresses) {
		was, is := before.Fronts(addr), s.Fronts(addr)
		all = news(all, was, is, now, func(f *Front) Record { return f.record(addr) })
	}
	for addr := range changed(before.hosts, s.hosts) {
		was, is := before.Hosts(addr), s.Hosts(addr)
		all = news(all, was, is, now, func(h *Host) Record { return h.record(addr) })
	}
	for uid := range changed(before.tenants.byUID, s.tenants.byUID) {
		was, is := before.tenants.onHost(uid), s.tenants.onHost(uid)
		all = news(all, was, is, now, func(l *Lease) Record { return l.record(netip.Addr{}) })
	}
	return all
}

// news appends the Records of is that are others than those of was, and ends those that are there no more.
func news[T any](all []Record, was, is []T, now time.Time, record func(*T) Record) []Record {
	if len(was) == len(is) && (len(is) == 0 || &was[0] == &is[0]) {
		return all // lists are replaced as a whole
	}
	before := make(map[string]Record, len(was))
	for i := range was {
		r := record(&was[i])
		before[r.Holder] = r
	}
	for i := range is {
		r := record(&is[i])
		if before[r.Holder] != r {
			all = append(all, r)
		}
		delete(before, r.Holder)
	}
	for _, r := range before {
		if r != r.Closed(now) {
			all = append(all, r.Closed(now))
		}
	}
	return all
}

// onHost returns the pod of that UID as if it held an address, if it is on the host network. A mirror pod counts once.
func (t *tenants) onHost(uid string) []Lease {
	tenant, known := t.byUID.at(uid)
	if !known || !tenant.Pod.HostNetwork || tenant.Pod.UID != uid {
		return nil
	}
	return []Lease{{Tenant: tenant, From: tenant.Pod.Created, To: tenant.Pod.Ended}}
}

// changed yields the keys of the shards that two versions of an index do not share, each once.
func changed[K comparable, V any](before, after index[K, V]) iter.Seq[K] {
	return func(yield func(K) bool) {
		for i := range indexShards {
			was, is := before.shard(i), after.shard(i)
			if reflect.ValueOf(was).Pointer() == reflect.ValueOf(is).Pointer() {
				continue
			}
			for key := range is {
				if !yield(key) {
					return
				}
			}
			for key := range was {
				if _, still := is[key]; !still && !yield(key) {
					return
				}
			}
		}
	}
}
