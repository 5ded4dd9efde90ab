package networkpolicy

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/portolan-io/portolan/internal/identity"
)

const (
	namePrefix   = "portolan-"
	kindlessKind = "workload"
	longestPlain = 63 // characters of the plain form
	longestKind  = 12 // characters of the kind in the hashed form
	hashLength   = 10
	readable     = 42 // characters of name and kind together in the hashed form
)

// Name returns the name of the NetworkPolicy of a subject: "portolan-<name>-<kind>" with '.' for '_' where that is a
// valid DNS-1123 subdomain of at most 63 characters, else a shortened form that ends in ten digits of the identity's
// hash. The result is always a valid name. Where two subjects of one namespace have the same plain name, such as my_app
// and my.app, the label portolan.dev/workload says whose the object is.
func Name(subject identity.Workload) string {
	kind := cmp.Or(strings.ToLower(subject.Kind), kindlessKind)
	plain := namePrefix + strings.ReplaceAll(subject.Name, "_", ".") + "-" + kind
	if len(plain) <= longestPlain && len(validation.IsDNS1123Subdomain(plain)) == 0 {
		return plain
	}
	kind = cut(cmp.Or(dashed(kind), kindlessKind), longestKind)
	name := cut(dashed(subject.Name), readable-len(kind))
	return namePrefix + name + "-" + kind + "-" + subject.Hash()[:hashLength]
}

// dashed returns text in lower case with one '-' for every run of other characters than a-z and 0-9, none at its ends.
func dashed(text string) string {
	fields := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(fields, "-")
}

// cut returns at most the first length characters of an ASCII text, without a '-' at the end.
func cut(text string, length int) string {
	return strings.TrimRight(text[:min(len(text), length)], "-")
}
