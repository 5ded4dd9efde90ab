package role

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
)

// snapshot reads the objects of the cluster: of each the newest state that a dump has, and all that bore one name after
// each other.
func (o ReplayOptions) snapshot() (*cluster.Snapshot, error) {
	var read dumps
	for _, path := range o.Objects {
		err := o.each(path, []string{".yaml", ".yml", ".json"}, func(from *recording) error {
			text, err := io.ReadAll(from)
			if err != nil {
				return err
			}
			objects, err := trim.DecodeDump(text)
			for _, object := range objects {
				read.add(object)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading objects: %w", err)
		}
	}
	if len(read.names) == 0 {
		return nil, errors.New("reading objects: there is none in what was given")
	}
	snapshot, err := read.snapshot(o.Knowing.reading())
	if err != nil {
		return nil, fmt.Errorf("reading objects: %w", err)
	}
	return snapshot, nil
}

// dumps are objects by what they are called. A name may have had several bearers, such as the pods of a StatefulSet.
type dumps struct {
	names  []*bearers
	byName map[string]*bearers
}

// bearers are the objects of one name, the oldest first.
type bearers []bearer

type bearer struct {
	object  runtime.Object
	uid     types.UID
	version uint64 // of the state; 0 when it does not say
	created time.Time
}

// add takes an object, or a state of one that it has, of which it keeps the newer. What has no UID was written by people: it
// takes nobody's place.
func (d *dumps) add(object runtime.Object) {
	about, err := meta.Accessor(object)
	if err != nil {
		about = &metav1.ObjectMeta{}
	}
	b := bearer{object: object, uid: about.GetUID(), created: about.GetCreationTimestamp().Time}
	b.version, _ = strconv.ParseUint(about.GetResourceVersion(), 10, 64)
	name := fmt.Sprintf("%T %s/%s", object, about.GetNamespace(), about.GetName())
	all, known := d.byName[name]
	switch {
	case b.uid == "" || !known:
		all = &bearers{b}
		d.names = append(d.names, all)
		if d.byName == nil {
			d.byName = make(map[string]*bearers)
		}
		d.byName[name] = all
	default:
		all.add(b)
	}
}

func (all *bearers) add(b bearer) {
	if at := slices.IndexFunc(*all, func(o bearer) bool { return o.uid == b.uid }); at >= 0 {
		if b.version >= (*all)[at].version {
			(*all)[at] = b
		}
		return
	}
	*all = append(*all, b)
	slices.SortStableFunc(*all, func(a, b bearer) int { return a.created.Compare(b.created) })
}

// snapshot returns the cluster as it came to be: where a name had several bearers, one after the other.
//
//	cart-0   first ─▶ second ─▶ third
//	cart-1                      only
func (d *dumps) snapshot(reading trim.Options) (*cluster.Snapshot, error) {
	steps := 0
	for _, all := range d.names {
		steps = max(steps, len(*all))
	}
	snapshot := cluster.Empty()
	for left := steps - 1; left >= 0; left-- {
		var there []runtime.Object
		var now time.Time
		for _, all := range d.names {
			at := max(len(*all)-1-left, 0)
			b := (*all)[at]
			there = append(there, b.object)
			if at > 0 && b.created.After(now) {
				now = b.created
			}
		}
		next, err := reading.Over(snapshot, there, now)
		if err != nil {
			return nil, err
		}
		snapshot = next
	}
	return snapshot, nil
}
