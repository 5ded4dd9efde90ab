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
			&v2beta1.KafkaServerConfig{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "broker"}},
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
