package declared

import (
	"cmp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// Unreadable is an object that does not decode.
type Unreadable struct {
	Kind, Namespace, Name string

	UID   types.UID
	Fault string // which field is wrong, and how
	Mode  string // the value of the annotation portolan.dev/mode, as written

	// Remembered says that what the object said before is known and still holds.
	Remembered bool
}

// String returns "ClientIntents shop/checkout".
func (u Unreadable) String() string { return u.Kind + " " + u.Namespace + "/" + u.Name }

// Compare orders by kind, namespace and name.
func Compare(a, b Unreadable) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// UnreadableOf returns what is wrong with an object of this room; nil when nothing is, or the object is another one.
// Remembered is not set.
func UnreadableOf(object any) *Unreadable {
	o, ok := object.(interface {
		metav1.Object
		fault() (kind, text string)
	})
	if !ok {
		return nil
	}
	kind, text := o.fault()
	if text == "" {
		return nil
	}
	return &Unreadable{
		Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(),
		Fault: text, Mode: o.GetAnnotations()[v2beta1.AnnotationMode],
	}
}
