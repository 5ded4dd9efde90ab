//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/testkit/stage"
)

// outlives moves the map to a volume, kills the operator's pod, and finds every edge with the time at which it was first seen.
func outlives(t *testing.T, s *story) {
	ctx := within(t, 2*time.Minute)
	volume(ctx, t, s)
	must(t, s.Apply(ctx, "config/overlays/local-persistent"))
	must(t, s.Ready(ctx, "portolan-system", "deployment/portolan-operator"))
	var before map[string]string
	must(t, stage.Until(ctx, func(ctx context.Context) (_ string, err error) {
		if before, err = firstSeen(ctx, s); err == nil && len(before) < 5 {
			return fmt.Sprintf("only %d edges of the shop are in the new map", len(before)), nil
		}
		return "", err
	}))
	_, err := s.Do(ctx, "delete", "pod", "-n", "portolan-system", "-l", "app.kubernetes.io/component=operator", "--grace-period=0", "--force")
	must(t, err)
	must(t, s.Ready(ctx, "portolan-system", "deployment/portolan-operator"))
	must(t, s.Leading(ctx))
	after, err := firstSeen(ctx, s)
	must(t, err)
	for edge, first := range before {
		if after[edge] != first {
			t.Errorf("%s was first seen at %s, and after the end of the operator's pod at %q", edge, first, after[edge])
		}
	}
	t.Logf("%d edges outlived the operator's pod", len(before))
}

// volume gives the cluster the sample volume, in a folder of this host, which the node shows to its pods.
func volume(ctx context.Context, t *testing.T, s *story) {
	t.Helper()
	folder, err := os.MkdirTemp("", "portolan-e2e-")
	must(t, err)
	node, err := s.Get(ctx, "nodes", "-o", "jsonpath={.items[0].metadata.name}")
	must(t, err)
	sample, err := s.Render(ctx, "config/samples/volume/volume.yaml")
	must(t, err)
	sample = strings.NewReplacer("/var/lib/portolan-map", folder, "[node-1]", "["+node+"]").Replace(sample)
	must(t, s.ApplyText(ctx, sample))
	s.volume, s.folder = sample, folder
}

// releases takes the volume away, once nobody uses it any more.
func releases(ctx context.Context, t *testing.T, s *story) {
	t.Helper()
	must(t, s.DeleteText(ctx, s.volume))
	must(t, os.RemoveAll(s.folder))
}

// firstSeen returns when each edge of the shop was first seen.
func firstSeen(ctx context.Context, s *story) (map[string]string, error) {
	out, err := s.Run(ctx, "list", "--namespace=shop", "--quiet", "--format=json")
	if err != nil {
		return nil, err
	}
	var document struct {
		Edges []struct {
			Client, Server struct{ Namespace, Name string }
			First          string
		}
	}
	if err := json.Unmarshal([]byte(out), &document); err != nil {
		return nil, err
	}
	first := make(map[string]string)
	for _, e := range document.Edges {
		first[e.Client.Name+" -> "+e.Server.Namespace+"/"+e.Server.Name] = e.First
	}
	return first, nil
}
