package controllers_test

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/portolan-io/portolan/api/v2beta1"
)

const (
	benchNamespaces = 10
	benchClients    = 1000
	benchTargets    = 5
)

// newBench is newFixture without the log of controller-runtime, which warns when nobody chose one.
func newBench(b *testing.B) *fixture {
	b.Helper()
	log.SetLogger(logr.FromSlogHandler(slog.DiscardHandler))
	return newFixture(b)
}

// BenchmarkConverge measures how long a fresh operator needs for 1,000 ClientIntents with 5 targets each over 10
// namespaces on a real API server, what it asks of it, and how much memory it holds then.
//
// Budget, on two cores that the API server shares: policies stand in less than 8 s, at most 1.2 write requests for each
// object written.
func BenchmarkConverge(b *testing.B) {
	for range b.N {
		b.StopTimer()
		f := newBench(b)
		f.benchDeployments()
		f.benchIntents()
		runtime.GC()
		before := heap()
		b.StartTimer()
		begin := time.Now()
		o := f.start()
		f.stand()
		stood := time.Since(begin)
		f.checking("waiting for every status", 500*time.Millisecond, func() error { return f.told(benchClients) })
		told := time.Since(begin)
		f.quiet(o)
		b.StopTimer()
		runtime.GC()
		written, events := f.objects()
		b.ReportMetric(stood.Seconds(), "s/policies")
		b.ReportMetric(told.Seconds(), "s/statuses")
		b.ReportMetric(float64(len(o.requests.writes())), "writes")
		b.ReportMetric(float64(o.requests.count()), "requests")
		b.ReportMetric(float64(events), "events")
		b.ReportMetric(float64(len(o.requests.writes()))/float64(written), "writes/object")
		b.ReportMetric(float64(heap()-before)/(1<<20), "MB-heap")
		b.ReportMetric(resident(b), "MB-resident") // of the whole test, which holds the operator
		o.stop()
	}
}

// BenchmarkBurst measures the same with an operator that is already running when the ClientIntents are created. Policies
// are then rewritten as their callers come; steps that come close to each other are written as one.
func BenchmarkBurst(b *testing.B) {
	for range b.N {
		b.StopTimer()
		f := newBench(b)
		f.benchDeployments()
		o := f.start()
		f.quiet(o)
		b.StartTimer()
		begin := time.Now()
		f.benchIntents()
		applied := time.Since(begin)
		f.stand()
		stood := time.Since(begin)
		f.checking("waiting for every status", 500*time.Millisecond, func() error { return f.told(benchClients) })
		told := time.Since(begin)
		f.quiet(o)
		b.StopTimer()
		b.ReportMetric(applied.Seconds(), "s/applied")
		b.ReportMetric(stood.Seconds(), "s/policies")
		b.ReportMetric(told.Seconds(), "s/statuses")
		b.ReportMetric(float64(len(o.requests.writes())), "writes")
		o.stop()
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// resident returns the resident memory of this process in megabytes.
func resident(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var all, pages int
	if _, err := fmt.Sscan(string(text), &all, &pages); err != nil {
		b.Fatal(err)
	}
	return float64(pages) * float64(os.Getpagesize()) / (1 << 20)
}

const each = benchClients / benchNamespaces

// benchDeployments makes the workloads of the benchmark, and benchIntents what they declare.
func (f *fixture) benchDeployments() {
	f.Helper()
	for n := range benchNamespaces {
		f.namespace(fmt.Sprintf("bench-%d", n))
	}
	f.parallel(benchClients, func(i int) {
		f.create(deployment(fmt.Sprintf("bench-%d", i/each), fmt.Sprintf("app-%d", i%each)))
	})
}

func (f *fixture) benchIntents() {
	f.Helper()
	f.parallel(benchClients, func(i int) {
		var servers []string
		for t := range benchTargets {
			servers = append(servers, fmt.Sprintf("app-%d", (i%each+t+1)%each))
		}
		f.create(calls(fmt.Sprintf("bench-%d", i/each), fmt.Sprintf("app-%d", i%each), servers...))
	})
}

// stand waits until every policy is there, and lets in exactly the callers that are declared.
func (f *fixture) stand() {
	f.Helper()
	f.eventually("waiting for every policy", f.counted)
	f.checking("waiting for what every policy says", 200*time.Millisecond, func() error {
		for n := range benchNamespaces {
			if err := f.declared(fmt.Sprintf("bench-%d", n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// counted returns nil when there are enough policies. It asks for one, and how many more there are.
func (f *fixture) counted() error {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("NetworkPolicyList"))
	if err := f.List(f.Context(), &list, client.Limit(1)); err != nil {
		return err
	}
	count := len(list.Items)
	if list.RemainingItemCount != nil {
		count += int(*list.RemainingItemCount)
	}
	if count < benchClients {
		return fmt.Errorf("%d of %d policies", count, benchClients)
	}
	return nil
}

// declared returns nil when a namespace has one policy for each workload, and it says what the ClientIntents say.
func (f *fixture) declared(namespace string) error {
	var list networkingv1.NetworkPolicyList
	if err := f.List(f.Context(), &list, client.InNamespace(namespace)); err != nil {
		return err
	}
	found := make(map[string]networkingv1.NetworkPolicySpec)
	for _, p := range list.Items {
		found[p.Spec.PodSelector.MatchLabels["app"]] = p.Spec
	}
	if len(list.Items) != each || len(found) != each {
		return fmt.Errorf("%s has %d policies for %d workloads, want %d", namespace, len(list.Items), len(found), each)
	}
	for server := range each {
		got, want := found[fmt.Sprintf("app-%d", server)], benchSpec(namespace, server)
		for _, rule := range got.Ingress {
			slices.SortFunc(rule.From, byApp)
		}
		if !equality.Semantic.DeepEqual(got, want) {
			return fmt.Errorf("the policy of %s/app-%d says %v, want %v", namespace, server, got, want)
		}
	}
	return nil
}

// benchSpec is written by hand from what benchIntents declares: the callers of a server are the five before it.
func benchSpec(namespace string, server int) networkingv1.NetworkPolicySpec {
	app := func(number int) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprintf("app-%d", number)}}
	}
	var callers []networkingv1.NetworkPolicyPeer
	for t := range benchTargets {
		callers = append(callers, networkingv1.NetworkPolicyPeer{
			PodSelector:       app((server + each - t - 1) % each),
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
		})
	}
	slices.SortFunc(callers, byApp)
	return networkingv1.NetworkPolicySpec{
		PodSelector: *app(server), PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		Ingress: []networkingv1.NetworkPolicyIngressRule{{From: callers}},
	}
}

func byApp(a, b networkingv1.NetworkPolicyPeer) int {
	return cmp.Compare(appOf(a), appOf(b))
}

func appOf(p networkingv1.NetworkPolicyPeer) string {
	if p.PodSelector == nil {
		return ""
	}
	return p.PodSelector.MatchLabels["app"]
}

// told returns nil when as many ClientIntents are up to date.
func (f *fixture) told(want int) error {
	var list v2beta1.ClientIntentsList
	if err := f.List(f.Context(), &list); err != nil {
		return err
	}
	count := 0
	for i := range list.Items {
		if upToDate := list.Items[i].Status.UpToDate; upToDate != nil && *upToDate {
			count++
		}
	}
	if count < want {
		return fmt.Errorf("%d of %d statuses", count, want)
	}
	return nil
}

// objects returns how many objects the operator has written, and how many of them are events.
func (f *fixture) objects() (all, events int) {
	f.Helper()
	var list corev1.EventList
	f.must(f.List(f.Context(), &list, client.Limit(0)))
	return 2*benchClients + len(list.Items), len(list.Items)
}

// parallel calls do for 0 to n-1 on a few goroutines.
func (f *fixture) parallel(n int, do func(int)) {
	const width = 8
	done := make(chan struct{})
	for w := range width {
		go func() {
			for i := w; i < n; i += width {
				do(i)
			}
			done <- struct{}{}
		}()
	}
	for range width {
		<-done
	}
}
