package resolve

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/graph"
)

// happening is an event of a timeline: of the cluster, or the arrival of a sighting.
type happening struct {
	second int
	what   string
}

const storyLength = 20 // seconds

// TestAnyOrderConvergesAndLosesNothing holds two laws over random histories, in which addresses are used again and again:
//
//   - Whether a sighting arrives as it happens or any time later, before or after others: the map and the refusals are the
//     same. That needs that what stands behind a Service does not change, since a Service means those of now.
//   - Every sighting ends as edges or as exactly one refusal.
//
// Sighting i is folded 2^i times, so that the counts tell which ones arrived where.
func TestAnyOrderConvergesAndLosesNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		history := anyHistory(r)
		var asItHappens, inTheEnd []happening
		many := rapid.IntRange(1, 20).Draw(r, "sightings")
		for i := range many {
			second := rapid.IntRange(0, storyLength).Draw(r, "second")
			what := anySighting(r, second, i)
			asItHappens = append(asItHappens, happening{rapid.IntRange(second, storyLength).Draw(r, "arrives"), what})
			inTheEnd = append(inTheEnd, happening{storyLength, what})
		}
		first := tell(t, append(slices.Clone(history), asItHappens...))
		second := tell(t, append(slices.Clone(history), rapid.Permutation(inTheEnd).Draw(r, "order")...))
		if got, want := outcome(first), outcome(second); got != want {
			r.Fatalf("as it happens:\n%s\nin the end:\n%s\nof %v", got, want, append(history, asItHappens...))
		}
		if fault := unaccounted(first, many); fault != "" {
			r.Fatalf("%s in\n%s\nof %v", fault, outcome(first), append(history, asItHappens...))
		}
	})
}

// tell plays happenings in the order of time, of one second in the order in which they are given, and lets all time pass.
func tell(t *testing.T, all []happening) *story {
	t.Helper()
	slices.SortStableFunc(all, func(a, b happening) int { return a.second - b.second })
	s := newStory(t, Options{External: true, ExcludedNamespaces: []string{"mesh"}})
	for _, h := range all {
		s.play(strings.Fields(fmt.Sprintf("+%ds %s", h.second, h.what)))
	}
	s.Retry(s.snapshot, s.now.Add(DefaultPatience))
	return s
}

func outcome(s *story) string {
	return describeEdges(s.Graph.View(graph.Filter{})) + describeCounts(s.Ledger.Counts())
}

// unaccounted says which of that many sightings did not end in exactly one way; empty if all did.
func unaccounted(s *story, many int) string {
	var made, refused, refusals uint64
	for _, e := range s.Graph.View(graph.Filter{}) {
		for _, seen := range e.Uses {
			for _, v := range seen.Evidence {
				made |= v.Count
			}
		}
	}
	for _, reason := range Reasons() {
		for _, example := range s.Ledger.Examples(reason) {
			refused |= example.Count
		}
	}
	for _, c := range s.Ledger.Counts() {
		refusals += c.Count
	}
	all := uint64(1)<<many - 1
	if made&refused != 0 || made|refused != all || refusals != uint64(bits.OnesCount64(refused)) {
		return fmt.Sprintf("edges of %b and %d refusals of %b are not once each of %b", made, refusals, refused, all)
	}
	return ""
}

// anyHistory draws the lives of pods and Services that hand their addresses on, and what stays.
func anyHistory(r *rapid.T) []happening {
	history := []happening{
		{0, "ranges 10.0.0.0/16 10.96.0.0/16 fd00::/64"},
		{0, "node n1 192.168.1.1 2001:db8::1"},
		{0, "service default/kubernetes 10.96.0.2 port 443>6443 to 192.168.9.9"},
		{0, "pod kube-system/dns 10.0.1.53 node n2"},
		{0, "service kube-system/kube-dns 10.96.0.53 port 53/UDP behind dns"},
		{0, "pod mesh/proxy 10.0.1.5"},
		{0, "pod back 10.0.1.1 node n1"},
		{0, "pod edge 10.0.1.2 node n1 port 80:8080"},
		{0, "pod host 192.168.1.1 host node n1 port 9100 uid host"},
		{0, "service front 10.96.1.2 at 198.51.100.9 port 443>8443@30443 behind back,edge"},
		{0, "service far external www.example.net"},
		{rapid.IntRange(0, storyLength).Draw(r, "stay"), "service stay 10.96.1.1 port 80 behind back"},
	}
	for n := range 3 {
		for life := range lives(r, "pod") {
			name := fmt.Sprintf("p%d-%d", n, life[0])
			history = append(history, happening{life[0], fmt.Sprintf("pod %s 10.0.0.%d fd00::%d of Deployment/d%d node n%d", name, n, n, life[1]%2, n)})
			history = append(history, happening{life[1], "gone pod " + name})
		}
	}
	for life := range lives(r, "service") {
		name := fmt.Sprintf("s-%d", life[0])
		history = append(history, happening{life[0], "service " + name + " 10.96.0.1 port 80 behind back"})
		history = append(history, happening{life[1], "gone service " + name})
	}
	return history
}

// lives yields first and last seconds, one life after the other.
func lives(r *rapid.T, of string) func(yield func([2]int) bool) {
	return func(yield func([2]int) bool) {
		for second := rapid.IntRange(0, 9).Draw(r, "first "+of); second < storyLength; {
			end := second + rapid.IntRange(1, 9).Draw(r, "life of "+of)
			if !yield([2]int{second, min(end, storyLength)}) {
				return
			}
			second = end + rapid.IntRange(0, 5).Draw(r, "gap before "+of)
		}
	}
}

// anySighting draws the sighting of that number.
func anySighting(r *rapid.T, second, number int) string {
	client := rapid.SampledFrom([]string{
		"10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.9", "fd00::0", "fd00::2", "192.168.1.1", "192.168.9.9", "198.51.100.7", "172.20.0.9",
		"10.0.1.53", "10.0.1.5", "10.0.1.2", "192.168.1.1 uid host", "uid p0-3", "10.0.0.0 uid p0-5", "10.0.0.1 pod p1-4",
	}).Draw(r, "client")
	server := rapid.SampledFrom([]string{
		"syn -> [fd00::1]:80", "syn -> 198.51.100.9:443", "syn -> 198.51.100.9:22", "syn -> 192.168.1.1:30443", "syn -> [2001:db8::1]:30443",
		"syn -> 192.168.1.1:8080", "flow -> 192.168.1.1:9100", "syn -> 192.168.9.9:6443", "syn -> 10.96.0.2:443", "syn -> 10.0.1.5:80",
		"dns -> far.shop.svc.cluster.local = 203.0.113.8", "syn -> 203.0.113.8:443", "syn -> 10.96.1.2:443 nat 10.0.1.2:8443",
		"dns -> bad.cluster.local = 10.96.1.1", "dns -> a.shop.svc.cluster.local.shop.svc.cluster.local = 10.96.1.1",
		"dns -> kubernetes.default.svc.cluster.local = 10.96.0.2", "flow -> 10.96.0.53:53/UDP", "kafka -> 10.0.0.1:9092 uid p1-6",
		"syn -> 10.0.0.0:80", "syn -> 10.0.0.1:80", "socket -> 10.0.0.2:80", "syn -> 10.96.0.1:80", "flow -> 10.96.1.1:80/UDP",
		"syn -> 10.96.0.1:80 nat 10.0.0.1:8080", "dns -> stay.shop.svc.cluster.local = 10.96.1.1",
		"dns -> never.shop.svc.cluster.local = 10.96.9.9", "dns -> api.example.com = 203.0.113.7", "syn -> 203.0.113.7:443",
		"syn -> 192.168.1.1:22", "syn -> 127.0.0.1:80",
	}).Draw(r, "server")
	source, rest, _ := strings.Cut(server, " ")
	reporter := rapid.SampledFrom([]string{"", " by n0", " by n1", " by n2"}).Draw(r, "reporter")
	return fmt.Sprintf("%s +%ds %s %s times %d%s", source, second, client, rest, uint64(1)<<number, reporter)
}
