package role

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
)

// snapshot reads the objects of the cluster. Dumps may overlap: an object counts once.
func (o ReplayOptions) snapshot() (*cluster.Snapshot, error) {
	var objects []runtime.Object
	known := make(map[types.UID]bool)
	for _, path := range o.Objects {
		err := o.each(path, []string{".yaml", ".yml", ".json"}, func(from *recording) error {
			text, err := io.ReadAll(from)
			if err != nil {
				return err
			}
			read, err := trim.DecodeDump(text)
			objects = append(objects, slices.DeleteFunc(read, func(o runtime.Object) bool { return again(known, o) })...)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading objects: %w", err)
		}
	}
	if len(objects) == 0 {
		return nil, errors.New("reading objects: there is none in what was given")
	}
	snapshot, err := o.Knowing.reading().FromObjects(objects)
	if err != nil {
		return nil, fmt.Errorf("reading objects: %w", err)
	}
	return snapshot, nil
}

// again reports whether an object was read before.
func again(known map[types.UID]bool, object runtime.Object) bool {
	o, err := meta.Accessor(object)
	if err != nil || o.GetUID() == "" {
		return false
	}
	before := known[o.GetUID()]
	known[o.GetUID()] = true
	return before
}
