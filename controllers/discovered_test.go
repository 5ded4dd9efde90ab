package controllers

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// declares returns ClientIntents of a person.
func declares(name, client, kind string, servers ...string) *v2beta1.ClientIntents {
	o := &v2beta1.ClientIntents{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-of-" + name)},
		Spec:       v2beta1.ClientIntentsSpec{Workload: v2beta1.WorkloadReference{Name: client, Kind: kind}},
	}
	for _, s := range servers {
		o.Spec.Targets = append(o.Spec.Targets, v2beta1.Target{Kubernetes: &v2beta1.KubernetesTarget{Name: s, Kind: "Deployment"}})
	}
	return o
}

// wrote returns ClientIntents as discovery wrote them.
func wrote(how WriteIntents, name, client, kind string, servers ...string) *v2beta1.ClientIntents {
	o := declares(name, client, kind, servers...)
	mark(o, how)
	o.ManagedFields = []metav1.ManagedFieldsEntry{entry(discoveryManager, "", `{"f:spec":{"f:targets":{},"f:workload":{}}}`)}
	return o
}

func changedBy(o *v2beta1.ClientIntents, change func(*v2beta1.ClientIntents)) *v2beta1.ClientIntents {
	change(o)
	return o
}

func TestPlanDiscovery(t *testing.T) {
	type objects = []*v2beta1.ClientIntents
	found := objects{declares("web", "web", "Deployment", "cart", "db")}
	edited := changedBy(wrote(WritePropose, "web", "web", "Deployment", "cart"), func(o *v2beta1.ClientIntents) {
		o.ManagedFields = append(o.ManagedFields, entry("kubectl-edit", "", `{"f:spec":{"f:targets":{}}}`))
	})
	accepted := changedBy(wrote(WritePropose, "web", "web", "Deployment", "cart"), func(o *v2beta1.ClientIntents) { o.Annotations = nil })
	enforced := changedBy(wrote(WritePropose, "web", "web", "Deployment", "cart"), func(o *v2beta1.ClientIntents) {
		o.Annotations = map[string]string{v2beta1.AnnotationMode: string(v2beta1.ModeEnforce)}
	})
	adopted := changedBy(wrote(WritePropose, "web", "web", "Deployment", "cart"), func(o *v2beta1.ClientIntents) { delete(o.Labels, v2beta1.LabelDiscovered) })
	for name, tc := range map[string]struct {
		how           WriteIntents
		live          objects
		write, remove []string // "name mode: targets"
	}{
		"a client without an object is proposed": {
			how: WritePropose, write: []string{"web shadow: cart db"},
		},
		"in mode apply it is written in force": {
			how: WriteApply, write: []string{"web : cart db"},
		},
		"what is there already is not written again": {
			how: WritePropose, live: objects{wrote(WritePropose, "web", "web", "Deployment", "cart", "db")},
		},
		"a new target is added and none is lost": {
			how: WritePropose, live: objects{wrote(WritePropose, "web", "web", "Deployment", "ads")},
			write: []string{"web shadow: ads cart db"},
		},
		"nothing is written where a person declares the client": {
			how: WritePropose, live: objects{declares("mine", "web", "Deployment", "cart")},
		},
		"nor where a person declares every kind of that name": {
			how: WritePropose, live: objects{declares("mine", "web", "", "cart")},
		},
		"a person's object for another kind is no reason to stop": {
			how: WritePropose, live: objects{declares("mine", "web", "StatefulSet", "cart")},
			write: []string{"web shadow: cart db"},
		},
		"a proposal goes when a person declares the client": {
			how: WritePropose, live: objects{declares("mine", "web", "Deployment"), wrote(WritePropose, "web", "web", "Deployment", "cart")},
			remove: []string{"web shadow: cart"},
		},
		"an edited proposal is the editor's":        {how: WritePropose, live: objects{edited}},
		"an accepted proposal is the accepter's":    {how: WritePropose, live: objects{accepted}},
		"a proposal put in force is a person's":     {how: WritePropose, live: objects{enforced}},
		"an object without the label is a person's": {how: WritePropose, live: objects{adopted}},
		"a proposal is put in force in mode apply": {
			how: WriteApply, live: objects{wrote(WritePropose, "web", "web", "Deployment", "cart", "db")},
			write: []string{"web : cart db"},
		},
		"an object in force is not turned back into a proposal": {
			how: WritePropose, live: objects{wrote(WriteApply, "web", "web", "Deployment", "cart")},
		},
		"a name that another client's object has is given a kind": {
			how: WritePropose, live: objects{wrote(WritePropose, "web", "web", "StatefulSet", "cart")},
			write: []string{"web-deployment shadow: cart db"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := planDiscovery(found, tc.live, tc.how)
			if diff := cmp.Diff(texts(d.write), tc.write); diff != "" {
				t.Errorf("write: got, want %s", diff)
			}
			if diff := cmp.Diff(texts(d.remove), tc.remove); diff != "" {
				t.Errorf("remove: got, want %s", diff)
			}
		})
	}
}

func texts(objects []*v2beta1.ClientIntents) []string {
	var all []string
	for _, o := range objects {
		text := o.Name + " " + mode(o) + ":"
		for _, t := range o.Spec.Targets {
			text += " " + t.Title()
		}
		all = append(all, text)
	}
	return all
}

// What was written is enough: a second look at the same map changes nothing, and nobody's target is lost.
func TestPlanDiscoveryIsDoneAfterOneWrite(t *testing.T) {
	names := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}), rapid.ID[string])
	rapid.Check(t, func(t *rapid.T) {
		how := rapid.SampledFrom([]WriteIntents{WritePropose, WriteApply}).Draw(t, "how")
		live := []*v2beta1.ClientIntents{wrote(how, "web", "web", "Deployment", names.Draw(t, "live")...)}
		found := []*v2beta1.ClientIntents{declares("web", "web", "Deployment", names.Draw(t, "found")...)}
		for _, w := range planDiscovery(found, live, how).write {
			for _, target := range live[0].Spec.Targets {
				if !slices.Contains(titles(w), target.Title()) {
					t.Fatalf("target %s is lost", target.Title())
				}
			}
			live = []*v2beta1.ClientIntents{wrote(how, w.Name, "web", "Deployment", titles(w)...)}
		}
		if again := planDiscovery(found, live, how); len(again.write)+len(again.remove) > 0 {
			t.Fatalf("a second look writes %v and removes %v", texts(again.write), texts(again.remove))
		}
	})
}

func titles(o *v2beta1.ClientIntents) []string {
	var all []string
	for _, t := range o.Spec.Targets {
		all = append(all, t.Title())
	}
	return all
}
