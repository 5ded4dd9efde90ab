package resolve

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestNewsOfTheClusterInAnyOrder holds a third law: pods and Services may become known in any order and at any time while
// sightings of them wait, and the map is the one of who knew them all from the start. No address changes hands here: who
// had it before answers until the news of its end arrives.
func TestNewsOfTheClusterInAnyOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		known := []happening{
			{0, "ranges 10.0.0.0/16 10.96.0.0/16 fd00::/64"},
			{0, "node n1 192.168.1.1"},
			{0, "service default/kubernetes 10.96.0.2 port 443>6443 to 192.168.9.9"},
		}
		late, early := slices.Clone(known), slices.Clone(known)
		for _, what := range rapid.Permutation(newObjects(r)).Draw(r, "news") {
			late = append(late, happening{rapid.IntRange(0, storyLength).Draw(r, "known"), what})
			early = append(early, happening{0, what})
		}
		many := rapid.IntRange(1, 15).Draw(r, "sightings")
		var sightings []happening
		for i := range many {
			second := rapid.IntRange(0, storyLength).Draw(r, "second")
			sightings = append(sightings, happening{second, newSighting(r, second, i)})
		}
		second := tell(t, append(early, sightings...))
		first := tell(t, append(late, sightings...))
		if got, want := outcome(first), outcome(second); got != want {
			r.Fatalf("with late news:\n%s\nwith all from the start:\n%s\nof %v", got, want, append(late, sightings...))
		}
		if fault := unaccounted(first, many); fault != "" {
			r.Fatalf("%s in\n%s\nof %v", fault, outcome(first), append(late, sightings...))
		}
	})
}

// newObjects draws pods, some of them alone, and Services in front of some of them.
func newObjects(r *rapid.T) []string {
	var objects, names []string
	for n := range 5 {
		who := rapid.SampledFrom([]string{"", " of Deployment/d", " of StatefulSet/d", " of Deployment/e"}).Draw(r, "owner")
		objects = append(objects, fmt.Sprintf("pod p%d 10.0.0.%d fd00::%d uid u%d made +0s%s", n, n, n, n, who))
		names = append(names, fmt.Sprintf("p%d", n))
	}
	for n := range 3 {
		behind := rapid.Permutation(names).Draw(r, "behind")[:rapid.IntRange(1, 3).Draw(r, "many")]
		if n == 2 && !slices.Contains(behind, "p2") {
			behind = append(slices.Clone(behind), "p2") // a name means it
		}
		objects = append(objects, fmt.Sprintf("service s%d 10.96.0.1%d at 203.0.113.1%d port 80>8080 behind %s selecting made +0s", n, n, n, strings.Join(behind, ",")))
	}
	return append(objects, "service far external www.example.net made +0s", "service near external s1.shop.svc.cluster.local made +0s")
}

func newSighting(r *rapid.T, second, number int) string {
	client := rapid.SampledFrom([]string{"10.0.0.0", "10.0.0.1", "fd00::2", "uid u3", "10.0.0.1 uid u1", "10.0.0.2 pod p1", "10.0.0.3 pod p3"}).Draw(r, "client")
	server := rapid.SampledFrom([]string{
		"syn -> 10.0.0.1:8080", "syn -> [fd00::2]:8080", "syn -> 10.0.0.4:8080 uid u4", "kafka -> 10.0.0.3:8080 uid u3",
		"syn -> 10.96.0.10:80", "syn -> 10.96.0.11:80", "syn -> 203.0.113.12:80", "syn -> 10.96.0.10:80 nat 10.0.0.3:8080", "syn -> 203.0.113.12:80 nat 10.0.0.0:8080",
		"dns -> s0.shop.svc.cluster.local = 10.96.0.10", "dns -> near.shop.svc.cluster.local = 10.96.0.11", "dns -> p2.s2.shop.svc.cluster.local = 10.0.0.2",
		"dns -> far.shop.svc.cluster.local = 203.0.113.8", "syn -> 203.0.113.8:443", "dns -> 10-0-0-1.shop.pod.cluster.local = 10.0.0.1",
	}).Draw(r, "server")
	source, rest, _ := strings.Cut(server, " ")
	return fmt.Sprintf("%s +%ds %s %s times %d", source, second, client, rest, uint64(1)<<number)
}
