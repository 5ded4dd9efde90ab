package trim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
)

// FromObjects returns the snapshot of a cluster that holds exactly these objects, read with the default options. Kinds
// that are no part of a snapshot are left out. What a file need not say is filled in as the API server would: the
// namespace is "default", every namespace has the label kubernetes.io/metadata.name, and an owner reference without UID
// means the object of that kind and name. Nothing else is invented: a Deployment without pods has no pods.
//
// The error joins one error for each object that is given twice, has no name, or holds an address that is none.
func FromObjects(objects []runtime.Object) (*cluster.Snapshot, error) {
	return Options{}.FromObjects(objects)
}

// FromObjects does what the function FromObjects does, with these options.
func (o Options) FromObjects(objects []runtime.Object) (*cluster.Snapshot, error) {
	return o.Over(cluster.Empty(), objects, time.Time{})
}

// Over returns the snapshot that follows before when the cluster holds exactly these objects at now: what is gone keeps its
// leases for a while. Objects and errors are as with FromObjects.
func (o Options) Over(before *cluster.Snapshot, objects []runtime.Object, now time.Time) (*cluster.Snapshot, error) {
	c := collection{options: o, spaces: make(map[string]*cluster.Facts), seen: make(map[reference]bool)}
	var errs []error
	for _, object := range objects {
		errs = append(errs, c.add(object))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var spaces []*cluster.Space
	for _, name := range slices.Sorted(maps.Keys(c.spaces)) {
		spaces = append(spaces, cluster.NewSpace(*c.spaces[name]))
	}
	gone := slices.DeleteFunc(before.Namespaces(), func(name string) bool { return c.spaces[name] != nil })
	return before.WithNodes(c.nodes, now).WithServiceRanges(c.ranges).WithSpaces(spaces, gone, now), nil
}

// collection gathers facts by namespace.
type collection struct {
	options Options
	spaces  map[string]*cluster.Facts
	nodes   []*cluster.Node
	ranges  []netip.Prefix // of ClusterIPs
	seen    map[reference]bool
}

type reference struct{ kind, namespace, name string }

func (c *collection) add(object runtime.Object) error {
	if foreign, ok := object.(*unstructured.Unstructured); ok {
		c.addAncestor(foreign)
		return nil
	}
	if err := c.once(object); err != nil {
		return err
	}
	switch object := object.(type) {
	case *corev1.Namespace:
		c.facts(object.Name).Labels = NamespaceLabels(object.Name, object.Labels)
		return nil
	case *corev1.Node:
		node, err := Node(object)
		c.nodes = append(c.nodes, node)
		return err
	case *networkingv1.ServiceCIDR:
		ranges, err := ServiceCIDR(object)
		c.ranges = append(c.ranges, ranges...)
		return err
	}
	c.addController(object)
	c.addDeclaration(object)
	return c.addAddressed(object)
}

// once refuses objects without a name and objects that were there before.
func (c *collection) once(object runtime.Object) error {
	o, err := meta.Accessor(object)
	if err != nil {
		return fmt.Errorf("%T is not an object of the API: %w", object, err)
	}
	_, kind, _ := strings.Cut(fmt.Sprintf("%T", object), ".")
	r := reference{kind: kind, namespace: namespaceOf(o), name: o.GetName()}
	if r.name == "" {
		return fmt.Errorf("a %s has no metadata.name", kind)
	}
	if c.seen[r] {
		return fmt.Errorf("%s %s is given twice", kind, strings.TrimPrefix(o.GetNamespace()+"/"+r.name, "/"))
	}
	c.seen[r] = true
	return nil
}

// facts returns the facts of a namespace, which exists from its first object on.
func (c *collection) facts(namespace string) *cluster.Facts {
	f, known := c.spaces[namespace]
	if !known {
		f = &cluster.Facts{Namespace: namespace, Labels: NamespaceLabels(namespace, nil)}
		c.spaces[namespace] = f
	}
	return f
}

// addAddressed adds the objects that hold addresses.
func (c *collection) addAddressed(object runtime.Object) (err error) {
	switch object := object.(type) {
	case *corev1.Pod:
		var p *cluster.Pod
		p, err = Pod(object, c.options)
		p.Namespace = namespaceOf(object)
		f := c.facts(p.Namespace)
		f.Pods = append(f.Pods, p)
	case *corev1.Service:
		var s *cluster.Service
		s, err = Service(object)
		s.Namespace = namespaceOf(object)
		f := c.facts(s.Namespace)
		f.Services = append(f.Services, s)
	case *discoveryv1.EndpointSlice:
		var e *cluster.EndpointSlice
		e, err = EndpointSlice(object)
		e.Namespace = namespaceOf(object)
		f := c.facts(e.Namespace)
		f.Slices = append(f.Slices, e)
	default:
		var e *cluster.EndpointSlice
		if e, err = Endpoints(object); e == nil {
			return err
		}
		e.Namespace = cmp.Or(e.Namespace, metav1.NamespaceDefault)
		f := c.facts(e.Namespace)
		f.Endpoints = append(f.Endpoints, e)
	}
	return err
}

// addController adds the objects that make pods.
func (c *collection) addController(object runtime.Object) {
	made := Controller(object, c.options)
	if made == nil {
		return
	}
	if made.Namespace == "" {
		made.Namespace = metav1.NamespaceDefault
	}
	f := c.facts(made.Namespace)
	f.Controllers = append(f.Controllers, made)
}

// addAncestor adds an object of a kind that is not known here, which may own controllers and be owned itself.
func (c *collection) addAncestor(object *unstructured.Unstructured) {
	owner := OwnerOf(object.GetOwnerReferences())
	if owner == (cluster.Owner{}) {
		return
	}
	f := c.facts(namespaceOf(object))
	f.Ancestors = append(f.Ancestors, &cluster.Ancestor{
		UID: uid(string(object.GetUID()), object.GetKind(), object.GetName()), Owner: owner,
	})
}

// addDeclaration adds the objects in which people say what they want.
func (c *collection) addDeclaration(object runtime.Object) {
	switch object := object.(type) {
	case *v2beta1.ClientIntents:
		i := ClientIntents(object)
		i.Namespace = namespaceOf(object)
		f := c.facts(i.Namespace)
		f.Intents = append(f.Intents, i)
	case *v2beta1.ProtectedService:
		p := ProtectedService(object)
		p.Namespace = namespaceOf(object)
		f := c.facts(p.Namespace)
		f.Protected = append(f.Protected, p)
	case *v2beta1.KafkaServerConfig:
		k := KafkaServerConfig(object)
		k.Namespace = namespaceOf(object)
		f := c.facts(k.Namespace)
		f.Brokers = append(f.Brokers, k)
	}
}

func namespaceOf(o metav1.Object) string {
	return cmp.Or(o.GetNamespace(), metav1.NamespaceDefault)
}
