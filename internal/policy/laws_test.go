package policy_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
	"github.com/portolan-io/portolan/internal/policy/networkpolicy"
	"github.com/portolan-io/portolan/internal/verdict"
)

func compile(snap *cluster.Snapshot, set policy.Settings, subject identity.Workload) policy.Desired {
	return networkpolicy.Compile(snap, set, policy.Decide(snap, set, subject).Given(policy.Written{}))
}

func compileAll(snap *cluster.Snapshot, set policy.Settings) map[identity.Workload]policy.Desired {
	all := make(map[identity.Workload]policy.Desired)
	for _, subject := range policy.Subjects(snap) {
		all[subject] = compile(snap, set, subject)
	}
	return all
}

// Law: the same cluster gives the same bytes, whatever the order in which its objects became known.
func TestCompileIsDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, set := randomWorld(t), randomSettings(t)
		again := w.shuffled(t)
		want, err := yaml.Marshal(policies(compileAll(w.snapshot(), set)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := yaml.Marshal(policies(compileAll(again.snapshot(), set)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("the order of the input shows (-one +other):\n%s", diff)
		}
	})
}

// policies returns the policies of all subjects, by subject.
func policies(all map[identity.Workload]policy.Desired) []*networkingv1.NetworkPolicy {
	var found []*networkingv1.NetworkPolicy
	for _, subject := range slices.SortedFunc(maps.Keys(all), identity.Compare) {
		found = append(found, all[subject].NetworkPolicies...)
	}
	return found
}

// Law: no rule has an empty list of peers where it should have none at all, no port is 0, and no two subjects share an
// object.
func TestRulesAreWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seen := make(map[policy.ObjectRef]bool)
		for _, p := range policies(compileAll(randomWorld(t).snapshot(), randomSettings(t))) {
			ref := policy.ObjectRef{Namespace: p.Namespace, Name: p.Name}
			if seen[ref] {
				t.Errorf("two subjects have the object %v", ref)
			}
			seen[ref] = true
			if len(p.Spec.PolicyTypes) == 0 || len(p.Spec.PodSelector.MatchLabels) == 0 {
				t.Errorf("%v selects everything or isolates nothing", ref)
			}
			for _, r := range p.Spec.Ingress {
				wellFormed(t, ref, r.From, r.Ports)
			}
			for _, r := range p.Spec.Egress {
				wellFormed(t, ref, r.To, r.Ports)
			}
		}
	})
}

func wellFormed(t *rapid.T, ref policy.ObjectRef, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
	if peers != nil && len(peers) == 0 {
		t.Errorf("%v has an empty list of peers", ref)
	}
	if peers == nil && len(ports) == 0 {
		t.Errorf("%v has a rule that allows everything", ref)
	}
	for _, peer := range peers {
		ofPods := peer.PodSelector != nil && len(peer.PodSelector.MatchLabels) > 0 && peer.NamespaceSelector != nil
		if ofPods == (peer.IPBlock != nil) {
			t.Errorf("%v has a peer that is neither pods of a namespace nor a block of addresses", ref)
		}
	}
	for _, port := range ports {
		if port.Port == nil || port.Port.String() == "0" || port.Protocol == nil {
			t.Errorf("%v has a port without number or protocol", ref)
		}
	}
}

// Law: once pods carry the labels that they need, the selector of a policy selects the pods of its subject and no others.
func TestPoliciesSelectTheirSubject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, set := randomWorld(t), randomSettings(t)
		snap := w.snapshot()
		all := compileAll(snap, set)
		for subject, d := range all {
			for _, p := range d.NetworkPolicies {
				var got []string
				for _, pod := range w[subject.Namespace].Pods {
					if matches(p.Spec.PodSelector.MatchLabels, labelsOnce(snap, all, pod)) && !pod.HostNetwork {
						got = append(got, pod.Name)
					}
				}
				slices.Sort(got)
				if diff := cmp.Diff(podNames(snap, subject), got); diff != "" {
					t.Errorf("the policy of %s selects other pods (-want +got):\n%s", subject, diff)
				}
			}
		}
	})
}

// labelsOnce returns the labels of a pod once it carries the one that its workload needs.
func labelsOnce(snap *cluster.Snapshot, all map[identity.Workload]policy.Desired, pod *cluster.Pod) map[string]string {
	space, _ := snap.Space(pod.Namespace)
	who, _ := space.WorkloadOf(pod.Name)
	labels := maps.Clone(pod.Labels)
	if value := all[who].PodLabel; value != "" {
		labels[v2beta1.LabelWorkload] = value
	}
	return labels
}

func matches(selector, labels map[string]string) bool {
	for k, v := range selector {
		if got, present := labels[k]; !present || got != v {
			return false
		}
	}
	return true
}

// podNames returns the pods of a subject that a policy can select, sorted.
func podNames(snap *cluster.Snapshot, subject identity.Workload) []string {
	space, _ := snap.Space(subject.Namespace)
	var pods []*cluster.Pod
	if w, isWorkload := snap.Workload(subject); isWorkload {
		pods = w.Pods
	} else if service, isService := snap.Service(subject.Namespace, subject.Name); isService {
		pods = space.Selected(service.Selector)
	}
	var found []string
	for _, p := range pods {
		if !p.HostNetwork {
			found = append(found, p.Name)
		}
	}
	return found
}

// Law: what is affected is everything that differs.
func TestNothingUnaffectedDiffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, set := randomWorld(t), randomSettings(t)
		next, unchanged := w.changed(t)
		before := w.snapshot()
		after := next.after(before, unchanged)
		affected := policy.Affected(before, after)
		if !slices.IsSortedFunc(affected, identity.Compare) {
			t.Errorf("not sorted: %v", affected)
		}
		for _, subject := range slices.Concat(policy.Subjects(before), policy.Subjects(after)) {
			if slices.Contains(affected, subject) {
				continue
			}
			one, other := compile(before, set, subject), compile(after, set, subject)
			if diff := cmp.Diff(one, other); diff != "" {
				t.Errorf("%s is not affected and differs (-before +after):\n%s", subject, diff)
			}
		}
	})
}

// Law: a status that is not affected is the same.
func TestNoUnaffectedStatusDiffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, set := randomWorld(t), randomSettings(t)
		next, unchanged := w.changed(t)
		before := w.snapshot()
		after := next.after(before, unchanged)
		affected := policy.AffectedIntents(before, after)
		written := make(map[identity.Workload]policy.Written)
		for _, subject := range slices.Concat(policy.Subjects(before), policy.Subjects(after)) {
			written[subject] = policy.Written{Ingress: true, Egress: rapid.Bool().Draw(t, "restricted")}
		}
		for _, namespace := range namespaces() {
			for _, i := range next[namespace].Intents {
				ref := policy.ObjectRef{Kind: v2beta1.KindClientIntents, Namespace: namespace, Name: i.Name}
				if slices.Contains(affected, ref) {
					continue
				}
				one, other := policy.Judge(before, set, i, written), policy.Judge(after, set, i, written)
				if diff := cmp.Diff(one, other); diff != "" {
					t.Errorf("%v is not affected and differs (-before +after):\n%s", ref, diff)
				}
			}
			for _, p := range next[namespace].Protected {
				ref := policy.ObjectRef{Kind: v2beta1.KindProtectedService, Namespace: namespace, Name: p.Name}
				if slices.Contains(affected, ref) {
					continue
				}
				one, other := policy.JudgeProtected(before, set, p, written), policy.JudgeProtected(after, set, p, written)
				if diff := cmp.Diff(one, other); diff != "" {
					t.Errorf("%v is not affected and differs (-before +after):\n%s", ref, diff)
				}
			}
		}
	})
}

// Law: a second reading of the NetworkPolicy API agrees that what is permitted passes.
func TestTheWitnessAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, set := randomWorld(t), randomSettings(t)
		snap := w.snapshot()
		all := compileAll(snap, set)
		for _, f := range w {
			for _, p := range f.Pods {
				p.Labels = labelsOnce(snap, all, p)
			}
		}
		court := verdict.NewCourt(w.snapshot(), policies(all))
		for subject := range all {
			r := policy.Decide(snap, set, subject)
			for _, p := range r.In {
				runs := len(podNames(snap, p.Client)) > 0 && len(podNames(snap, p.Server)) > 0
				if p.Client.IsZero() || len(p.Ports) > 0 || !runs {
					continue // Pods that do not exist yet carry no label yet.
				}
				q := verdict.Question{Client: p.Client, Server: p.Server, Port: 9999}
				if got := court.Judge(q); ingressBlocked(got) {
					t.Errorf("%s may call %s because of %s, and is blocked: %+v", p.Client, p.Server, p.Because, got)
				}
			}
		}
	})
}

func ingressBlocked(v verdict.Verdict) bool {
	return slices.ContainsFunc(v.Checks, func(c verdict.Check) bool {
		return c.Direction == policy.Ingress && c.Outcome == verdict.Blocked
	})
}
