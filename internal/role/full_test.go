package role

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

func TestWhatTheMapHadNoRoomForIsTold(t *testing.T) {
	g := graph.New(graph.Limits{Edges: 6, NamesPerClient: 1})
	call := func(client, server string) {
		g.Merge(graph.Observation{
			Client: graph.Peer{Workload: identity.Workload{Namespace: "shop", Kind: "Deployment", Name: client}}, Server: graph.Peer{Name: server},
			Use: graph.Use{Act: traffic.Lookup, Name: server}, First: time.Unix(0, 0), Last: time.Unix(0, 0), Count: 1, Source: traffic.DNS,
		})
	}
	if notes := fullNotes(g); notes != nil {
		t.Errorf("an empty map says %q", notes)
	}
	for i := range 5 {
		client := fmt.Sprint("client-", i)
		call(client, "a.example")
		call(client, "b.example")
		call(client, "c.example")
	}
	call("one-more", "a.example")
	call("two-more", "a.example")
	const more = " had more peers outside the cluster than the map keeps of one workload: 2 observations of further ones were left out"
	if diff := cmp.Diff(fullNotes(g), []string{
		"the map was full with 6 edges, and 1 observations of further ones were left out; raise --max-edges",
		"shop/Deployment/client-0" + more, "shop/Deployment/client-1" + more, "shop/Deployment/client-2" + more,
		"2 further workloads had more peers outside the cluster than the map keeps of one",
	}); diff != "" {
		t.Errorf("notes (-got +want):\n%s", diff)
	}
}
