package live

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nameServer is a DNS server that answers what it was told.
type nameServer struct {
	mu      sync.Mutex
	says    map[string]string // addresses by host, separated by blanks
	lookups int
}

func (n *nameServer) lookUp(_ context.Context, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lookups++
	var found []netip.Addr
	for text := range strings.FieldsSeq(n.says[host]) {
		found = append(found, netip.MustParseAddr(text))
	}
	if found == nil {
		return nil, errors.New("no such host")
	}
	return found, nil
}

// say lets the server answer in another way, and returns how often it was asked before.
func (n *nameServer) say(host, addresses string) (lookups int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.says = map[string]string{host: addresses}
	lookups, n.lookups = n.lookups, 0
	return lookups
}

func balancedService(namespace, name, host string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 443}}},
		Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{
			Ingress: []corev1.LoadBalancerIngress{{Hostname: host}},
		}},
	}
}

// fronts returns which of the addresses belong to a Service now.
func (s *stage) fronts(addresses ...string) string {
	var open []string
	for _, text := range addresses {
		for _, front := range s.Current().Fronts(netip.MustParseAddr(text)) {
			if front.To.IsZero() {
				open = append(open, text+"="+front.Service.Name)
			}
		}
	}
	return strings.Join(open, " ")
}

func (s *stage) fronted(when, want string) {
	s.t.Helper()
	if got := s.fronts("203.0.113.1", "203.0.113.2", "2001:db8::1", "127.0.0.1"); got != want {
		s.t.Errorf("%s the addresses are %q, want %q", when, got, want)
	}
}

func TestABalancerThatHasOnlyAHostNameIsLookedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &nameServer{}
		dns.say("lb.example.com", "203.0.113.1 ::ffff:203.0.113.2 127.0.0.1")
		s := newSyncedStage(t, Options{LookUp: dns.lookUp})
		s.add("Service", balancedService("shop", "web", "lb.example.com"))
		s.rest()
		s.fronted("at first", "203.0.113.1=web 203.0.113.2=web")
		s.pass(10 * time.Minute)
		if lookups := dns.say("lb.example.com", "2001:db8::1"); lookups < 3 || lookups > 6 {
			t.Errorf("%d lookups in ten minutes, want one each half of five", lookups)
		}
		s.pass(balancerFloor/2 + time.Second)
		s.fronted("when the answer changes", "203.0.113.1=web 203.0.113.2=web 2001:db8::1=web")
		s.pass(2 * balancerFloor)
		s.fronted("long after", "2001:db8::1=web")
		dns.say("lb.example.com", "")
		s.pass(time.Hour)
		s.fronted("while DNS does not answer", "2001:db8::1=web")
		if lookups := dns.say("", ""); lookups < 6 || lookups > 16 {
			t.Errorf("%d lookups in an hour without an answer, want some, with growing pauses", lookups)
		}
		s.remove("Service", balancedService("shop", "web", "lb.example.com"))
		s.pass(time.Hour)
		s.fronted("without the Service", "")
		if lookups := dns.say("", ""); lookups > 1 {
			t.Errorf("%d lookups for a Service that is gone", lookups)
		}
	})
}

func TestABalancersAnswerChangesOnlyItsServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &nameServer{}
		dns.say("lb.example.com", "203.0.113.1")
		s := newSyncedStage(t, Options{LookUp: dns.lookUp})
		s.add("Service", balancedService("shop", "web", "lb.example.com"))
		s.rest()
		before, _ := s.Current().Service("shop", "web")
		s.announced()
		s.add("Service", balancedService("shop", "other", "other.example.com"), balancedService("far", "one", "none.example.com"))
		s.pass(time.Hour)
		if after, _ := s.Current().Service("shop", "web"); after != before {
			t.Error("a Service whose balancer did not change is another one")
		}
		if changes := s.announced(); len(changes) != 1 {
			t.Errorf("%d changes in an hour of equal answers, want that of the new Services alone", len(changes))
		}
	})
}

func TestWithoutLookupsABalancerHasNoAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncedStage(t, Options{})
		s.add("Service", balancedService("shop", "web", "lb.example.com"))
		s.rest()
		s.fronted("without DNS", "")
	})
}

func TestTheNumberOfBalancersIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &nameServer{}
		s := newSyncedStage(t, Options{LookUp: dns.lookUp})
		for i := range maxBalancers + 5 {
			s.add("Service", balancedService("shop", fmt.Sprintf("s-%d", i), fmt.Sprintf("lb-%d.example.com", i)))
		}
		s.rest()
		if lookups := dns.say("", ""); lookups != maxBalancers {
			t.Errorf("%d lookups, want at most %d", lookups, maxBalancers)
		}
	})
}
