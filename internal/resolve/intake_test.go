package resolve

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/traffic"
)

// callers is a cluster of three pods a, b, c with the addresses 1.0.0.1 to 1.0.0.3.
func callers(t testing.TB) *cluster.Snapshot {
	t.Helper()
	return cluster.Empty().WithSpace(cluster.NewSpace(cluster.Facts{Namespace: "shop", Pods: []*cluster.Pod{
		pod("a", "1.0.0.1"), pod("b", "1.0.0.2"), pod("c", "1.0.0.3"),
	}}), t0)
}

func unknownName(i int) string {
	return fmt.Sprintf("dns +60s 1.0.0.1 -> unknown-%d.shop.svc.cluster.local = 10.0.0.1", i)
}

func countsOf(i *Intake) string { return describeCounts(i.Ledger.Counts()) }

func TestAFullRoomSendsTheOldestAway(t *testing.T) {
	intake := NewIntake(Options{External: true}, graph.New(graph.Limits{}))
	intake.Room = NewRoom(2, time.Minute)
	for i := range 5 {
		intake.Take(callers(t), sightingOf(t, unknownName(i)), arrival)
	}
	if diff := cmp.Diff(countsOf(intake), "WaitFull dns 3\n"); diff != "" || intake.Room.Len() != 2 {
		t.Errorf("%d wait, refused (-got +want):\n%s", intake.Room.Len(), diff)
	}
	if got := intake.Ledger.Examples(WaitFull)[0].To.Name; got != "unknown-0.shop.svc.cluster.local" {
		t.Errorf("the first to leave was %s, want the oldest", got)
	}
}

func TestWhatWaitsAtTheEndIsCounted(t *testing.T) {
	intake := NewIntake(Options{External: true}, graph.New(graph.Limits{}))
	intake.Take(callers(t), sightingOf(t, unknownName(0)), arrival)
	intake.Take(callers(t), sightingOf(t, "syn +60s 1.0.0.1 -> 203.0.113.5:443"), arrival)
	intake.Close(callers(t))
	if diff := cmp.Diff(countsOf(intake), "Shutdown dns 1\n"); diff != "" {
		t.Errorf("refused (-got +want):\n%s", diff)
	}
	intake.Take(callers(t), sightingOf(t, unknownName(1)), arrival)
	if diff := cmp.Diff(countsOf(intake), "Shutdown dns 2\n"); diff != "" || intake.Room.Len() != 0 {
		t.Errorf("a sighting that comes after the end waits: %d, refused (-got +want):\n%s", intake.Room.Len(), diff)
	}
	const want = "shop/Pod/a -> 203.0.113.5\n  connect 443/TCP: syn 1\n"
	if diff := cmp.Diff(describeEdges(intake.Graph.View(graph.Filter{})), want); diff != "" {
		t.Errorf("a connection that waits for a name is known by address (-got +want):\n%s", diff)
	}
}

func TestSightingsOutOfTimeAreRefusedOrMoved(t *testing.T) {
	intake := NewIntake(Options{External: true}, graph.New(graph.Limits{}))
	old := sightingOf(t, "syn +60s 1.0.0.1 -> 1.0.0.2:80")
	intake.Take(callers(t), old, old.Last.Add(cluster.LeaseRetention+time.Second))
	intake.Take(callers(t), sightingOf(t, "syn +10h 1.0.0.1 -> 1.0.0.2:80"), arrival)
	if diff := cmp.Diff(countsOf(intake), "TooOld syn 1\n"); diff != "" {
		t.Errorf("refused (-got +want):\n%s", diff)
	}
	if got := intake.Graph.View(graph.Filter{})[0].Last; !got.Equal(arrival) {
		t.Errorf("a sighting of the future was last seen %s, want the time it arrived, %s", got, arrival)
	}
}

func TestABoundOfTheGraphIsOneRefusal(t *testing.T) {
	intake := NewIntake(Options{External: true}, graph.New(graph.Limits{Edges: 1}))
	intake.Take(callers(t), sightingOf(t, "syn +60s 1.0.0.1 -> 1.0.0.2:80"), arrival)
	intake.Take(callers(t), sightingOf(t, "syn +60s 1.0.0.1 -> 1.0.0.3:80"), arrival)
	if diff := cmp.Diff(countsOf(intake), "GraphFull syn 1\n"); diff != "" {
		t.Errorf("refused (-got +want):\n%s", diff)
	}
}

func TestRetryPutsThePatientInFront(t *testing.T) {
	room := NewRoom(2, time.Minute)
	sighting := func(i int) Delivery { return Delivery{Sighting: sightingOf(t, unknownName(i))} }
	room.Put(sighting(0), arrival)
	room.Put(sighting(1), arrival)
	settled := room.Retry(arrival, func(s Delivery) ([]graph.Observation, Reason) {
		if s.To.Name == sighting(0).To.Name {
			room.Put(sighting(2), arrival) // arrives while the others are tried
		}
		return nil, UnknownService
	})
	if len(settled) != 1 || settled[0].Reason != WaitFull || settled[0].To.Name != sighting(0).To.Name {
		t.Errorf("settled %+v, want the oldest as WaitFull", settled)
	}
	left := room.Close()
	if len(left) != 2 || left[0].To.Name != sighting(1).To.Name || left[1].To.Name != sighting(2).To.Name {
		t.Errorf("left %+v, want the patient one before the new one", left)
	}
}

func TestLedgerKeepsTheLatestExamples(t *testing.T) {
	l := NewLedger()
	for i := range ExamplesPerReason + 5 {
		s := sightingOf(t, unknownName(i))
		s.Source = traffic.Source(fmt.Sprintf("made-up-%d", i))
		l.Refuse(Refusal{Sighting: s, Reason: UnknownService})
	}
	kept := l.Examples(UnknownService)
	if len(kept) != ExamplesPerReason || kept[0].Source != "made-up-5" || kept[len(kept)-1].Source != "made-up-104" {
		t.Errorf("kept %d examples from %s to %s, want the latest 100", len(kept), kept[0].Source, kept[len(kept)-1].Source)
	}
	if diff := cmp.Diff(describeCounts(l.Counts()), "UnknownService other 105\n"); diff != "" {
		t.Errorf("unknown sources must share one count (-got +want):\n%s", diff)
	}
	if l.Examples(NoBackend) != nil {
		t.Error("examples of a reason that never occurred")
	}
}

func TestOptionsSayWhatIsWrong(t *testing.T) {
	wrong := Options{ClusterDomains: []string{"cluster.local", "Bad.", ""}, ControlPlaneBits4: 33, ControlPlaneBits6: -1}
	err := wrong.Validate()
	const want = "cluster domain \"Bad.\": want lower case without a dot at either end\n" +
		"cluster domain \"\": want lower case without a dot at either end\n" +
		"control-plane IPv4 prefix length 33: want 0 to 32\n" +
		"control-plane IPv6 prefix length -1: want 0 to 128"
	if err == nil || err.Error() != want {
		t.Errorf("Validate() = %v, want %s", err, want)
	}
	if err := DefaultOptions().Validate(); err != nil {
		t.Errorf("the default options are refused: %v", err)
	}
	if diff := cmp.Diff(ParseNamespaces("a, b  c,,\n"), []string{"a", "b", "c"}); diff != "" {
		t.Errorf("namespaces (-got +want):\n%s", diff)
	}
}

func TestWhatIsTriedAgainWhileTheOperatorStopsIsCounted(t *testing.T) {
	intake := NewIntake(Options{External: true}, graph.New(graph.Limits{}))
	intake.Take(callers(t), sightingOf(t, unknownName(0)), arrival)
	settled := intake.Room.Retry(arrival, func(Delivery) ([]graph.Observation, Reason) {
		intake.Close(callers(t))
		return nil, UnknownService
	})
	if len(settled) != 1 || settled[0].Reason != Shutdown || intake.Room.Len() != 0 {
		t.Errorf("%d wait, settled %+v, want one as Shutdown", intake.Room.Len(), settled)
	}
}
