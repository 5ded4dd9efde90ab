package controllers

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// version returns web's policy as it stands at a resource version.
func version(rv string) *networkingv1.NetworkPolicy {
	return with(ownPolicy("web", "cart"), func(p *networkingv1.NetworkPolicy) { p.ResourceVersion = rv })
}

func TestPolicyViewPrefersTheLaterPicture(t *testing.T) {
	name := client.ObjectKeyFromObject(version("1"))
	//        cache delivers   write is answered   cache delivers
	// ---------- 5 ------------------ 9 ----------------- 9 ------> time
	for text, tc := range map[string]struct {
		happened func(*policyView)
		cached   *networkingv1.NetworkPolicy
		want     string // version; empty for no object
	}{
		"the answer is newer than the cache": {
			func(v *policyView) { v.begin(name); v.end(name, answered("9")) }, version("5"), "9",
		},
		"the cache has caught up": {
			func(v *policyView) { v.begin(name); v.end(name, answered("9")); v.settle(version("9")) }, version("9"), "9",
		},
		"somebody wrote after the answer": {
			func(v *policyView) { v.begin(name); v.end(name, answered("9")) }, version("12"), "12",
		},
		"the cache was faster than the answer": {
			func(v *policyView) { v.begin(name); v.settle(version("9")); v.end(name, answered("9")) }, version("10"), "10",
		},
		"the object was deleted before the answer came": {
			func(v *policyView) {
				v.begin(name)
				v.settle(version("9"))
				v.settleGone(version("9"))
				v.end(name, answered("9"))
			}, nil, "",
		},
		"a deletion is known before the cache delivers it": {
			func(v *policyView) { v.begin(name); v.end(name, written{uid: version("5").UID}) }, version("5"), "",
		},
		"another object of the name after a deletion is seen": {
			func(v *policyView) { v.begin(name); v.end(name, written{uid: "older"}) }, version("5"), "5",
		},
		"a write that failed changes nothing": {
			func(v *policyView) { v.begin(name); v.end(name, written{}) }, version("5"), "5",
		},
		"a write that failed does not forget the one before": {
			func(v *policyView) { v.begin(name); v.end(name, answered("9")); v.begin(name); v.end(name, written{}) }, version("5"), "9",
		},
	} {
		t.Run(text, func(t *testing.T) {
			v := newPolicyView(nil)
			tc.happened(v)
			got := ""
			if p := v.newest(name, tc.cached); p != nil {
				got = p.ResourceVersion
			}
			if got != tc.want {
				t.Errorf("newest is version %q, want %q", got, tc.want)
			}
		})
	}
}

func answered(rv string) written {
	p := version(rv)
	return written{policy: p, uid: p.UID}
}

func TestPolicyViewKnowsItsOwnEcho(t *testing.T) {
	v := newPolicyView(nil)
	name := types.NamespacedName{Namespace: "shop", Name: "web"}
	v.begin(name)
	v.end(name, answered("9"))
	if v.settle(version("7")) {
		t.Error("an older version counts as the echo of a write")
	}
	if !v.settle(version("9")) {
		t.Error("the echo of a write is not recognised")
	}
	if v.settle(version("9")) {
		t.Error("the same echo is recognised twice, as a resync would bring it")
	}
	if len(v.ahead)+len(v.open) != 0 {
		t.Errorf("%d answers are kept after the cache has caught up", len(v.ahead)+len(v.open))
	}
}

func TestOlderBelievesTheCacheWhereVersionsCannotBeCompared(t *testing.T) {
	for _, pair := range [][2]string{{"", "9"}, {"abc", "9"}, {"9", ""}, {"9", "9"}, {"10", "9"}} {
		if older(metav1.ObjectMeta{ResourceVersion: pair[0]}, metav1.ObjectMeta{ResourceVersion: pair[1]}) {
			t.Errorf("version %q counts as older than %q", pair[0], pair[1])
		}
	}
	if !older(metav1.ObjectMeta{ResourceVersion: "9"}, metav1.ObjectMeta{ResourceVersion: "10"}) {
		t.Error("version 9 does not count as older than 10")
	}
}
