package policy_test

import (
	"cmp"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/testkit/golden"
	"github.com/portolan-io/portolan/internal/verdict"
)

// unusedPort is a port that no story opens.
const unusedPort = 61999

// TestWitness holds the policies of every golden story against a second reading of the NetworkPolicy API: what is
// declared passes, and a pod that nobody declared reaches no isolated server. Named ports must be declared by the pods.
func TestWitness(t *testing.T) {
	golden.Each(t, "testdata/*.txtar", func(t *testing.T, c golden.Case) { readStory(t, c).testify(t) })
}

// testify asks the witness about every permission of the story, and about an intruder.
func (s story) testify(t *testing.T) {
	t.Helper()
	o := s.run()
	labelled := s.labelled(t, o)
	court := verdict.NewCourt(labelled, o.policies())
	for _, subject := range o.subjects() {
		if o.written[subject].Conflict != "" {
			continue
		}
		r := policy.Decide(s.snap, s.set, subject)
		for _, p := range append(r.In, r.Out...) {
			s.expectAllowed(t, court, o, p)
		}
		if !o.written[subject].Ingress {
			continue
		}
		q := verdict.Question{Client: intruder(), Server: subject, Port: unusedPort}
		if got := court.Judge(q); got.Outcome != verdict.Blocked && got.Cause != verdict.NoPods {
			t.Errorf("the intruder reaches %s: %s, %s", subject, got.Outcome, got.Cause)
		}
	}
}

func (s story) expectAllowed(t *testing.T, court *verdict.Court, o outcome, p policy.Permission) {
	t.Helper()
	if p.Client.IsZero() || p.Server.IsZero() || o.written[p.Server].Conflict != "" {
		return
	}
	if s.nameless(p.Client) || s.nameless(p.Server) {
		return // Nothing can be written for them yet.
	}
	// A client that must not be restricted by its caller's annotation alone may be restricted by its own intents.
	for _, port := range s.dialled(p) {
		q := verdict.Question{Client: p.Client, Server: p.Server, Port: port.Number, Protocol: port.Protocol}
		got := court.Judge(q)
		plugInsDiffer := got.Outcome == verdict.Uncertain && (got.Cause == verdict.HostNetwork || got.Cause == verdict.NoPods)
		if got.Outcome != verdict.Allowed && !plugInsDiffer {
			t.Errorf("%s to %s port %d: %s, %s; it is permitted because of %s", p.Client, p.Server, port.Number, got.Outcome, got.Cause, p.Because)
		}
	}
}

// nameless reports whether no policy can name the pods of a workload: they are on the host network and have no address yet.
func (s story) nameless(who identity.Workload) bool {
	chosen, exists := policy.Select(s.snap, who)
	return exists && len(chosen.Labels) == 0 && len(chosen.Hosts) == 0
}

// dialled returns the ports at the server's pods that a permission opens; one that stands for all where it opens all.
func (s story) dialled(p policy.Permission) []policy.Port {
	if p.Server == identity.APIServer() {
		return nil // It is judged by its addresses.
	}
	if p.Server.Kind != identity.KindService || len(p.Ports) == 0 {
		return []policy.Port{{Number: 8080}}
	}
	service, _ := s.snap.Service(p.Server.Namespace, p.Server.Name)
	var found []policy.Port
	for _, port := range service.Ports {
		number := cmp.Or(port.TargetPort, port.Port)
		if port.TargetName != "" {
			number = s.containerPort(service, port.TargetName)
		}
		found = append(found, policy.Port{Protocol: port.Protocol, Number: number})
	}
	return found
}

func (s story) containerPort(service *cluster.Service, name string) int32 {
	space, _ := s.snap.Space(service.Namespace)
	for _, p := range space.Selected(service.Selector) {
		for _, c := range p.Ports {
			if c.Name == name {
				return c.Port
			}
		}
	}
	return 0
}

func intruder() identity.Workload {
	return identity.Workload{Namespace: "elsewhere", Kind: "Pod", Name: "intruder"}
}

// labelled returns the cluster of the story once pods carry the labels that they need, and with the intruder in it.
func (s story) labelled(t *testing.T, o outcome) *cluster.Snapshot {
	t.Helper()
	objects := []runtime.Object{&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: intruder().Namespace, Name: intruder().Name},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "10.66.6.6"}}},
	}}
	for _, object := range s.objects {
		pod, isPod := object.(*corev1.Pod)
		if !isPod {
			objects = append(objects, object)
			continue
		}
		space, _ := s.snap.Space(cmp.Or(pod.Namespace, "default"))
		who, _ := space.WorkloadOf(pod.Name)
		pod = pod.DeepCopy()
		if label := o.desired[who].PodLabel; label != "" {
			metav1.SetMetaDataLabel(&pod.ObjectMeta, v2beta1.LabelWorkload, label)
		}
		objects = append(objects, pod)
	}
	snap, err := trim.FromObjects(objects)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}
