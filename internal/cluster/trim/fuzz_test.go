package trim_test

import (
	"testing"

	"github.com/portolan-io/portolan/internal/cluster/trim"
)

// FuzzDecode reads any file and makes a snapshot of what is in it. It holds that nothing panics, that an error and objects
// do not come together, and that a snapshot answers; it does not hold that the objects are right.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(shop))
	f.Add([]byte("---\n---\n# nothing\n---\nnull\n"))
	f.Add([]byte(`{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}},null]}`))
	f.Add([]byte("apiVersion: v1\nkind: PodList\nitems: [{metadata: {name: a, namespace: b}, status: {podIPs: [{ip: '1'}]}}]"))
	f.Add([]byte("apiVersion: k8s.otterize.com/v2beta1\nkind: ClientIntents\nmetadata: {name: a}\nspec: {targets: [{}, {kubernetes: {name: ..}}]}"))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Fuzz(func(t *testing.T, file []byte) {
		objects, err := trim.Decode(file)
		if err != nil {
			if objects != nil {
				t.Errorf("%d objects and the error %v", len(objects), err)
			}
			return
		}
		snapshot, err := trim.FromObjects(objects)
		if err != nil {
			return
		}
		for _, name := range snapshot.Namespaces() {
			space, known := snapshot.Space(name)
			if !known || len(space.Workloads()) > len(objects) {
				t.Errorf("namespace %q: known = %v", name, known)
			}
		}
	})
}
