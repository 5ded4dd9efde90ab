package role

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/export/document"
)

// pod is a state of a pod as kubectl get --watch -o yaml prints it.
func podState(name, uid, version, created, ip, more string) string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: Pod
metadata: {namespace: shop, name: %s, uid: %q, resourceVersion: %q, creationTimestamp: "2026-11-20T%sZ"%s}
status: {phase: Running, podIPs: [%s]}
`, name, uid, version, created, more, ip)
}

func at(ip string) string { return "{ip: " + ip + "}" }

// replayedEdges replays sightings over objects, and returns the ends of the edges and the reasons.
func replayedEdges(t *testing.T, objects, sightings string) (edges, dropped []string) {
	t.Helper()
	o := DefaultReplayOptions()
	o.Objects, o.Sightings = []string{write(t, "objects.yaml", objects)}, []string{write(t, "seen.jsonl", sightings)}
	m, err := Replay(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Edges {
		edges = append(edges, e.Client.String()+" -> "+e.Server.String())
	}
	return edges, reasons(m)
}

func reasons(m document.Map) (all []string) {
	for _, d := range m.Dropped {
		all = append(all, fmt.Sprint(d.Reason, " ", d.Count))
	}
	return all
}

// called is a connection that was seen at that time of the day.
func called(at, from, to string) string {
	return fmt.Sprintf(`{"source":"syn","first":"2026-11-20T%sZ","from":{"addr":%q},"to":{"addr":%q,"port":80},"act":"connect","protocol":"TCP"}`+"\n", at, from, to)
}

func TestDumpsThatFollowAPodKnowItInEachState(t *testing.T) {
	const (
		job = "10.1.0.5"
		db  = "10.1.0.9"
	)
	over := `, deletionTimestamp: "2026-11-20T09:01:00Z"`
	edges, dropped := replayedEdges(t, strings.Join([]string{
		podState("job-x", "a", "10", "09:00:00", "", ""), // without an address yet
		podState("db-0", "b", "11", "08:00:00", at(db), ""),
		podState("job-x", "a", "12", "09:00:00", at(job), ""),
		podState("job-x", "a", "13", "09:00:00", at(job), over),
		podState("db-0", "c", "14", "09:02:00", at("10.1.0.10"), ""), // the next bearer of the name
		podState("job-y", "d", "15", "09:03:00", at(job), ""),        // the next holder of the address
		podState("job-x", "a", "11", "09:00:00", "", ""),             // an older state, read late
	}, ""), called("09:00:30", job, db)+called("09:04:00", job, "10.1.0.10"))
	if diff := cmp.Diff(edges, []string{"shop/Pod/job-x -> shop/Pod/db-0", "shop/Pod/job-y -> shop/Pod/db-0"}); diff != "" || dropped != nil {
		t.Errorf("dropped %v; edges (-got +want):\n%s", dropped, diff)
	}
}

func TestWhatPeopleWriteTwiceIsAMistake(t *testing.T) {
	o := DefaultReplayOptions()
	pod := podState("web", "", "", "08:00:00", at("10.1.0.4"), "")
	o.Objects, o.Sightings = []string{write(t, "objects.yaml", pod+pod)}, []string{write(t, "seen.jsonl", "")}
	if _, err := Replay(o); err == nil || !strings.Contains(err.Error(), "Pod shop/web is given twice") {
		t.Errorf("error %v, want that the pod is given twice", err)
	}
}
