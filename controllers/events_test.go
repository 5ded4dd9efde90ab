package controllers

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/policy"
)

func did(v verb, name string) news {
	return news{
		verb: v, object: policy.ObjectRef{Kind: kindNetworkPolicy, Namespace: "shop", Name: name},
		subject: identity.Workload{Namespace: "shop", Kind: "Deployment", Name: name},
	}
}

func TestNoticesOfSaysEachKindOfChangeOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		news []news
		want []notice
	}{
		"nothing": {nil, nil},
		"one":     {[]news{did(verbCreated, "web")}, []notice{{policy.Info, eventCreated, "NetworkPolicy shop/web created for shop/Deployment/web"}}},
		"the same twice": {
			[]news{did(verbUpdated, "web"), did(verbUpdated, "web")},
			[]notice{{policy.Info, eventUpdated, "NetworkPolicy shop/web updated for shop/Deployment/web"}},
		},
		"several kinds": {
			[]news{did(verbRemoved, "db"), did(verbCreated, "web"), did(verbCreated, "cart")},
			[]notice{
				{policy.Info, eventCreated, "NetworkPolicy shop/cart created for shop/Deployment/cart; NetworkPolicy shop/web created for shop/Deployment/web"},
				{policy.Info, eventRemoved, "NetworkPolicy shop/db removed for shop/Deployment/db"},
			},
		},
		"more than fit": {
			[]news{did(verbCreated, "a"), did(verbCreated, "b"), did(verbCreated, "c"), did(verbCreated, "d"), did(verbCreated, "e"), did(verbCreated, "f"), did(verbCreated, "g")},
			[]notice{{policy.Info, eventCreated, "NetworkPolicy shop/a created for shop/Deployment/a; NetworkPolicy shop/b created for shop/Deployment/b; " +
				"NetworkPolicy shop/c created for shop/Deployment/c; NetworkPolicy shop/d created for shop/Deployment/d; " +
				"NetworkPolicy shop/e created for shop/Deployment/e; and 2 more"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(noticesOf(tc.news), tc.want, cmp.AllowUnexported(notice{})); diff != "" {
				t.Errorf("got, want %s", diff)
			}
		})
	}
}

func TestNewFindingsAnnouncesAStateOnce(t *testing.T) {
	held := policy.Finding{Target: 0, Reason: "EgressHeld", Message: "first wording"}
	reworded := policy.Finding{Target: 0, Reason: "EgressHeld", Message: "second wording"}
	other := policy.Finding{Target: 1, Reason: "EgressHeld", Message: "another target"}
	known := keysOf([]policy.Finding{held})
	got := newFindings(known, []policy.Finding{reworded, other, other})
	if diff := cmp.Diff(got, []policy.Finding{other}); diff != "" {
		t.Errorf("got, want %s", diff)
	}
}

func TestGroupedGivesOneNoticeForEachReason(t *testing.T) {
	got := grouped([]policy.Finding{
		{Reason: "TargetNotEnforced", Severity: policy.Warning, Message: "sql a"},
		{Reason: "EgressHeld", Severity: policy.Info, Message: "held"},
		{Reason: "TargetNotEnforced", Severity: policy.Warning, Message: "sql b"},
	})
	want := []notice{{policy.Warning, "TargetNotEnforced", "sql a; sql b"}, {policy.Info, "EgressHeld", "held"}}
	if diff := cmp.Diff(got, want, cmp.AllowUnexported(notice{})); diff != "" {
		t.Errorf("got, want %s", diff)
	}
}

func TestFreshFindings(t *testing.T) {
	service := policy.ObjectRef{Kind: "Service", Namespace: "shop", Name: "web"}
	access := policy.Finding{About: service, Severity: policy.Info, Reason: impliedAdded, Message: "traffic from anywhere to Service web is allowed in NetworkPolicy shop/web"}
	gone := access
	gone.Reason, gone.Message = impliedRemoved, "traffic from anywhere to Service web is no longer added to NetworkPolicy shop/web"
	warning := policy.Finding{About: policy.ObjectRef{Kind: "Pod", Namespace: "shop", Name: "web-1"}, Severity: policy.Warning, Reason: "FailedParsingAccessAnnotation"}
	first, known := result{}, result{subject: web}
	saying := func(findings ...policy.Finding) result {
		return result{subject: web, findings: findings}
	}
	for name, tc := range map[string]struct {
		before, after result
		wrote         bool
		want          []policy.Finding
	}{
		"what comes with a write is said":                {first, saying(access), true, []policy.Finding{access}},
		"after a start nothing is repeated":              {first, saying(access), false, nil},
		"a warning is said even so":                      {first, saying(warning), false, []policy.Finding{warning}},
		"what comes later is said":                       {known, saying(access), false, []policy.Finding{access}},
		"what stays is not said again":                   {saying(access), saying(access), true, nil},
		"access that goes is said to be no longer added": {saying(access), saying(), true, []policy.Finding{gone}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(freshFindings(tc.before, tc.after, tc.wrote), tc.want); diff != "" {
				t.Errorf("got, want %s", diff)
			}
		})
	}
}

func TestShortenedKeepsWholeCharacters(t *testing.T) {
	for _, note := range []string{"short", strings.Repeat("ä", maxNote), strings.Repeat("x", maxNote+1), strings.Repeat("€", maxNote)} {
		got := shortened(note)
		if len(got) > maxNote || !utf8.ValidString(got) {
			t.Errorf("a note of %d bytes became %d bytes, valid %t", len(note), len(got), utf8.ValidString(got))
		}
	}
}
