package cluster_test

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
)

// crowd returns a namespace of that many pods, five of each Deployment, with a Service for each Deployment.
func crowd(namespace string, pods int) cluster.Facts {
	f := cluster.Facts{Namespace: namespace}
	for n := range pods / 5 {
		name := fmt.Sprintf("app-%05d", n)
		selector := labels{"app.kubernetes.io/name": name}
		template := labels{
			"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop", "app.kubernetes.io/version": "1.4.2",
			"app.kubernetes.io/managed-by": "helm", "pod-template-hash": "7d9c5b6f4d",
		}
		revision := selecting(made("ReplicaSet", name+"-1", "Deployment/"+name), template, template)
		f.Controllers = append(f.Controllers, selecting(made("Deployment", name, ""), selector, template), revision)
		slice := &cluster.EndpointSlice{Namespace: namespace, Name: name + "-x", Service: name}
		for i := range 5 {
			p := labelled(fmt.Sprintf("%s-1-%d", name, i), revision.UID, template)
			p.Namespace, p.UID, p.Created = namespace, namespace+p.Name, start
			p.IPs = []netip.Addr{netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), byte(i)})}
			f.Pods = append(f.Pods, p)
			slice.Endpoints = append(slice.Endpoints, cluster.Endpoint{Addresses: p.IPs, Pod: p.Name, Ready: true})
		}
		f.Slices = append(f.Slices, slice)
		f.Services = append(f.Services, &cluster.Service{
			Namespace: namespace, Name: name, Selector: selector,
			ClusterIPs: []netip.Addr{netip.AddrFrom4([4]byte{10, 96, byte(n >> 8), byte(n)})},
		})
	}
	return f
}

// BenchmarkNewSpace indexes a namespace from nothing.
func BenchmarkNewSpace(b *testing.B) {
	for _, pods := range []int{100, 1000, 10000} {
		b.Run(strconv.Itoa(pods), func(b *testing.B) {
			f := crowd("shop", pods)
			b.ReportAllocs()
			for b.Loop() {
				cluster.NewSpace(f)
			}
		})
	}
}

// BenchmarkSpaceWith indexes one part of a namespace of 1,000 pods again.
func BenchmarkSpaceWith(b *testing.B) {
	f := crowd("shop", 1000)
	space := cluster.NewSpace(f)
	for name, part := range map[string]cluster.Parts{"running": cluster.Running, "serving": cluster.Serving, "declared": cluster.Declared} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				space.With(f, part)
			}
		})
	}
}

// BenchmarkWithSpace puts a namespace of 1,000 pods, in which one pod changed, into a cluster of 100 namespaces and 10,000
// pods.
func BenchmarkWithSpace(b *testing.B) {
	snapshot := cluster.Empty()
	for n := range 100 {
		snapshot = snapshot.WithSpace(cluster.NewSpace(crowd(fmt.Sprintf("n%02d", n), 100)), start)
	}
	f := crowd("shop", 1000)
	space := cluster.NewSpace(f)
	snapshot = snapshot.WithSpace(space, start)
	changed := *f.Pods[0]
	changed.IPs = []netip.Addr{netip.MustParseAddr("10.200.0.1")}
	f.Pods[0] = &changed
	next := space.With(f, cluster.Running)
	b.ReportAllocs()
	for b.Loop() {
		snapshot.WithSpace(next, at(1))
	}
}

// BenchmarkChangedPod is the way of one changed pod into the snapshot of a cluster of 10,000: its namespace is indexed again,
// and of the indexes of the cluster what the pod has.
func BenchmarkChangedPod(b *testing.B) {
	for _, namespaces := range []int{100, 10, 1} {
		b.Run(fmt.Sprintf("%d-namespaces", namespaces), func(b *testing.B) {
			snapshot := cluster.Empty()
			for n := range namespaces {
				snapshot = snapshot.WithSpace(cluster.NewSpace(crowd(fmt.Sprintf("n%02d", n), 10_000/namespaces)), start)
			}
			f := crowd("n00", 10_000/namespaces)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				changed := *f.Pods[0]
				changed.IPs = []netip.Addr{netip.AddrFrom4([4]byte{10, 200, byte(n >> 8), byte(n)})}
				f.Pods[0] = &changed
				space, _ := snapshot.Space("n00")
				snapshot = snapshot.WithSpace(space.With(f, cluster.Running), at(n))
			}
		})
	}
}

// BenchmarkHolder is on the path of every sighting. It must not allocate.
func BenchmarkHolder(b *testing.B) {
	f := crowd("shop", 10000)
	snapshot := cluster.Empty().WithSpace(cluster.NewSpace(f), start)
	addr, now := f.Pods[777].IPs[0], start.Add(time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		snapshot.Holder(addr, now)
	}
}

// BenchmarkRecorded says what of 10,000 pods has to be written down: all of them after a start, and one that is new.
func BenchmarkRecorded(b *testing.B) {
	before := cluster.Empty().WithSpace(cluster.NewSpace(crowd("shop", 10_000)), start)
	after := before.WithSpace(cluster.NewSpace(cluster.Facts{Namespace: "other", Pods: []*cluster.Pod{pod("new", 0)}}), start)
	for name, from := range map[string]*cluster.Snapshot{"all": cluster.Empty(), "one": before} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				after.Recorded(from, start)
			}
		})
	}
}
