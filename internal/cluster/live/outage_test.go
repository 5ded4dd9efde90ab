package live_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/live"
)

func (s *server) testMissingKind(t *testing.T) {
	const name = "kafkaserverconfigs." + v2beta1.Group
	var crd apiextensionsv1.CustomResourceDefinition
	if err := s.client.Get(t.Context(), types.NamespacedName{Name: name}, &crd); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Delete(t.Context(), &crd); err != nil {
		t.Fatal(err)
	}
	again := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: crd.Spec}
	s.waitServed(t, &v2beta1.KafkaServerConfigList{}, false)
	o := observe(t, s.as("portolan"), live.Options{})
	if k := kafka(o.Status()); !k.Absent || k.Error == "" {
		t.Errorf("status = %+v, want absent and why", k)
	}
	s.create(t, again)
	s.waitServed(t, &v2beta1.KafkaServerConfigList{}, true)
	s.namespace(t, "brokers")
	s.create(t, &v2beta1.KafkaServerConfig{
		ObjectMeta: metav1.ObjectMeta{Namespace: "brokers", Name: "kafka"},
		Spec: v2beta1.KafkaServerConfigSpec{
			Workload: v2beta1.WorkloadReference{Name: "kafka"}, Addr: "kafka:9092", Plaintext: true,
		},
	})
	o.until(t, "an object of the kind, once it is served", func(snap *cluster.Snapshot) bool {
		space, known := snap.Space("brokers")
		return known && len(space.Brokers()) == 1
	})
	if k := kafka(o.Status()); k.Absent || k.Error != "" {
		t.Errorf("status = %+v, want that the kind is there", k)
	}
}

func kafka(status live.Status) live.KindStatus {
	for _, k := range status.Kinds {
		if k.Kind == v2beta1.KindKafkaServerConfig {
			return k
		}
	}
	return live.KindStatus{}
}

// waitServed waits until the API server does or does not answer for a kind.
func (s *server) waitServed(t *testing.T, list client.ObjectList, want bool) {
	t.Helper()
	ticks := time.NewTicker(50 * time.Millisecond)
	defer ticks.Stop()
	deadline := time.After(patience)
	for {
		if err := s.client.List(t.Context(), list, client.InNamespace("default")); (err == nil) == want {
			return
		}
		select {
		case <-ticks.C:
		case <-deadline:
			t.Fatalf("%T is not as it should be (served: %v)", list, want)
		}
	}
}

func (s *server) testOutage(t *testing.T) {
	line := &line{}
	config := s.as("portolan")
	config.Dial = line.dial
	o := observe(t, config, live.Options{})
	s.namespace(t, "outage")
	s.pod(t, "outage", "web", "10.9.1.1")
	o.until(t, "a pod", func(snap *cluster.Snapshot) bool { return !holder(snap, "10.9.1.1").IsZero() })

	line.cut()
	s.pod(t, "outage", "db", "10.9.1.2")
	if holder(o.Current(), "10.9.1.1").IsZero() || !o.Synced() {
		t.Error("the old Snapshot is lost with the connection")
	}
	line.mend()
	o.until(t, "what happened meanwhile", func(snap *cluster.Snapshot) bool {
		return !holder(snap, "10.9.1.2").IsZero() && !holder(snap, "10.9.1.1").IsZero()
	})
}

// line is the connection to the API server, which a test can cut.
type line struct {
	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errors.New("the line is cut")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		l.conns = append(l.conns, conn)
	}
	return conn, err
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for _, c := range l.conns {
		_ = c.Close() // what matters is that it is closed
	}
	l.conns = nil
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}
