package query

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/query/querypb"
	"github.com/portolan-io/portolan/internal/traffic"
)

func TestWhoAsksForRefusedSightingsGetsThoseOfTheQuestion(t *testing.T) {
	want := []Refused{{
		Reason: "Ambiguous", Source: "syn", Last: t0(), Count: 3, Sighting: "10.0.0.7 -> 10.0.0.8 port 80/TCP", Meaning: "several fit",
	}}
	question := Missing{
		From: Side{Workload: identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}, Host: "web.shop"},
		To:   Side{Addr: addr("fd00::7"), Outside: true}, Port: 53, Protocol: traffic.UDP,
	}
	source := newOperator(0)
	source.refused = func(asked Missing) []Refused {
		if asked != question {
			t.Errorf("asked %+v, want %+v", asked, question)
		}
		return want
	}
	got, err := serve(t, source).Refused(t.Context(), question)
	if diff := cmp.Diff(got, want); err != nil || diff != "" {
		t.Errorf("refused, %v (-got +want):\n%s", err, diff)
	}
	source.basis.WithoutMap = true
	if _, err := serve(t, source).Refused(t.Context(), question); err == nil {
		t.Error("an operator without a map explains what is missing in it")
	}
}

func TestWrongSidesAreToldApart(t *testing.T) {
	_, err := toMissing(&querypb.RefusedRequest{From: &querypb.Side{Address: []byte{1}}, To: &querypb.Side{Address: []byte{1, 2, 3, 4}}, Port: 1 << 20})
	const want = "address: want 4 or 16 bytes\nport: want at most 65535"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
