package verdict

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/internal/traffic"
)

// FuzzJudge feeds policies that no API server has checked. A verdict never panics, is one of the outcomes, and is blocked
// exactly when it says what is missing. Whether it is right is not checked here; see the laws.
func FuzzJudge(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, object := range decode(f, part(archive, "policies.yaml")) {
			spec, err := json.Marshal(object.(*networkingv1.NetworkPolicy).Spec)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(spec, uint16(80), true)
		}
	}
	f.Add([]byte(`{podSelector: {matchExpressions: [{key: a, operator: Nonsense}]}, ingress: [{from: [{}]}]}`), uint16(0), false)
	f.Add([]byte(`{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: nonsense, except: [""]}}]}]}`), uint16(1), true)
	snapshot, all := world()
	f.Fuzz(func(t *testing.T, spec []byte, port uint16, tcp bool) {
		var p networkingv1.NetworkPolicy
		if err := yaml.Unmarshal(spec, &p.Spec); err != nil {
			return
		}
		p.Namespace, p.Name = "a", "fuzzed"
		q := Question{Port: int32(port), Protocol: traffic.UDP}
		if tcp {
			q.Protocol = traffic.TCP
		}
		court := NewCourt(snapshot, []*networkingv1.NetworkPolicy{&p, nil})
		for _, q.Client = range all {
			for _, q.Server = range all {
				v := court.Judge(q)
				if v.Outcome != Allowed && v.Outcome != Uncertain && v.Outcome != Blocked {
					t.Fatalf("outcome %q", v.Outcome)
				}
				if (v.Outcome == Blocked) != (len(v.Missing) > 0) {
					t.Fatalf("%s, and %d permissions are missing", v.Outcome, len(v.Missing))
				}
			}
		}
	})
}
