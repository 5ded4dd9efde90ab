package live

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/api/v2beta1"
)

func TestAKindThatIsNotServedDoesNotStopTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newStage(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		for _, stream := range s.streams {
			if stream.kind.name == "KafkaServerConfig" {
				stream.answered(errors.New("connection refused"))
				stream.answered(&meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: v2beta1.Group, Kind: stream.kind.name}})
				continue
			}
			s.must(stream.Replace(nil, "1"))
		}
		s.rest()
		if !s.Synced() {
			t.Fatal("the World waits for a kind that is not served")
		}
		status := s.Status()
		i := slices.IndexFunc(status.Kinds, func(k KindStatus) bool { return k.Kind == "KafkaServerConfig" })
		if k := status.Kinds[i]; !k.Absent || !k.Synced || !strings.Contains(k.Error, "no matches for kind") {
			t.Errorf("status = %+v, want absent, synced and the reason", k)
		}

		s.add("KafkaServerConfig", &v2beta1.KafkaServerConfig{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "broker"}})
		s.must(s.stream("KafkaServerConfig").Replace([]any{
			stored(&v2beta1.KafkaServerConfig{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "broker"}}),
		}, "2"))
		s.rest()
		space, known := s.Current().Space("shop")
		if !known || len(space.Brokers()) != 1 || s.Status().Kinds[i].Absent {
			t.Error("the kind is not seen when its CRD is installed later")
		}
		if got := strings.Count(log.String(), "cannot read from the API server"); got != 1 {
			t.Errorf("trouble was logged %d times, want once:\n%s", got, log.String())
		}
	})
}

func TestWhatCannotBeReadIsCountedAndTheRestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newSyncedStage(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		bad := pod("shop", "web", "10.0.0.300")
		s.add("Pod", bad, pod("shop", "db", "10.0.0.2"))
		s.add("Pod", bad) // the same again is counted and not logged
		s.must(s.stream("Pod").Add("not an object"))
		s.rest()
		space, _ := s.Current().Space("shop")
		if _, known := space.Pod("web"); !known || len(space.Pods()) != 2 {
			t.Errorf("pods = %v, want web without address and db", space.Pods())
		}
		if got := s.Status().Kinds[0]; got.Refused != 3 || got.Objects != 2 {
			t.Errorf("status = %+v, want 3 refused and 2 held", got)
		}
		if got := strings.Count(log.String(), "cannot read all of an object"); got != 1 {
			t.Errorf("logged %d times, want once:\n%s", got, log.String())
		}
	})
}

func TestAnObjectThatDoesNotDecodeStopsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newSyncedStage(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		web, db, late := intentsNamed("web"), intentsNamed("db"), intentsNamed("late")
		s.add("ClientIntents", web)
		s.rest()
		s.announced()

		s.must(s.stream("ClientIntents").Replace([]any{broken(web), broken(db), stored(late)}, "2"))
		s.rest()
		s.shows("web", "late")
		s.doubts("web remembered", "db")
		if got := len(s.announced()); got != 1 {
			t.Errorf("announced %d changes, want one", got)
		}
		s.must(s.stream("ClientIntents").Update(broken(web)))
		s.rest()
		if got := len(s.announced()); got != 0 {
			t.Errorf("the same again announced %d changes", got)
		}

		again := intentsNamed("web")
		again.UID = "another"
		s.must(s.stream("ClientIntents").Update(broken(again)))
		s.rest()
		s.shows("late")
		s.doubts("web", "db")

		s.update("ClientIntents", db)
		s.remove("ClientIntents", again)
		s.rest()
		s.shows("db", "late")
		s.doubts()
		if got := strings.Count(log.String(), "cannot read all of an object"); got != 3 {
			t.Errorf("logged %d times, want once for each of three objects:\n%s", got, log.String())
		}
	})
}

func intentsNamed(name string) *v2beta1.ClientIntents {
	return &v2beta1.ClientIntents{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name)},
		Spec:       v2beta1.ClientIntentsSpec{Workload: v2beta1.WorkloadReference{Name: name}},
	}
}

// shows fails unless the Snapshot has just these ClientIntents.
func (s *stage) shows(want ...string) {
	s.t.Helper()
	var got []string
	if space, known := s.Current().Space("shop"); known {
		for _, i := range space.Intents() {
			got = append(got, i.Name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.t.Errorf("the Snapshot shows %v, want %v", got, want)
	}
}

// doubts fails unless just these objects are unreadable.
func (s *stage) doubts(want ...string) {
	s.t.Helper()
	var got []string
	for _, u := range s.Unreadable() {
		if u.Remembered {
			u.Name += " remembered"
		}
		got = append(got, u.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.t.Errorf("unreadable are %v, want %v", got, want)
	}
}

func TestAKindThatMustBeServedIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Options{})
		for _, stream := range s.streams {
			if stream.kind.name == "Pod" {
				stream.answered(&meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "Pod"}})
				continue
			}
			s.must(stream.Replace(nil, "1"))
		}
		s.rest()
		if s.Synced() || s.Status().Kinds[0].Synced {
			t.Error("the World is content without pods")
		}
	})
}
