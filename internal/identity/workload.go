// Package identity holds the one name for "who" inside the cluster.
//
// It depends on the standard library alone. It must not know how a workload is found, shown or enforced; rooms that do
// import it.
package identity

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Workload names a workload, or a Service where a policy is about a Service. It is comparable and serves as a map key.
// All three parts are always compared; the empty Kind is a kind of its own, used for workloads that an annotation names.
//
// Name is in the form of the ClientIntents API: a workload that takes its name from an owner has '_' for every '.'.
type Workload struct {
	Namespace string
	Kind      string // Deployment, StatefulSet, Service, ...; empty when an annotation names the workload
	Name      string
}

// KindService is the kind of the subjects that stand for the pods behind a Kubernetes Service.
const KindService = "Service"

// APIServer is the identity of the cluster's API server, which has no pods of its own to select.
func APIServer() Workload { return Workload{Namespace: "default", Name: "kubernetes"} }

// String returns "<namespace>/<kind>/<name>", the form of the annotation portolan.dev/identity and of the hash input.
func (w Workload) String() string { return w.Namespace + "/" + w.Kind + "/" + w.Name }

// IsZero reports whether w names nobody.
func (w Workload) IsZero() bool { return w == Workload{} }

// Parse reads the form that String writes.
func Parse(s string) (Workload, error) {
	parts := strings.SplitN(s, "/", 3)
	if len(parts) != 3 || parts[0] == "" || parts[2] == "" {
		return Workload{}, fmt.Errorf("workload %q: want <namespace>/<kind>/<name>", s)
	}
	return Workload{Namespace: parts[0], Kind: parts[1], Name: parts[2]}, nil
}

// Compare orders workloads by namespace, name and kind. It returns -1, 0 or +1 as cmp.Compare does.
func Compare(a, b Workload) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
}

// Hash returns the 64 lower-case hex digits of SHA-256 over String. The separator '/' occurs in no namespace and in no
// kind, so different workloads never share an input.
func (w Workload) Hash() string {
	sum := sha256.Sum256([]byte(w.String()))
	return hex.EncodeToString(sum[:])
}

const (
	keyHashLength   = 16
	keyPrefixLength = 46
)

// Key returns the value of the label portolan.dev/workload for w: a readable prefix, '-', and 16 hex digits of Hash; at
// most 63 characters and a valid label value whatever the name holds.
func (w Workload) Key() string {
	prefix := strings.Map(func(r rune) rune {
		if isAlphanumeric(r) || r == '.' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, w.Name)
	if len(prefix) > keyPrefixLength {
		prefix = prefix[:keyPrefixLength]
	}
	prefix = strings.TrimFunc(prefix, func(r rune) bool { return !isAlphanumeric(r) })
	if prefix == "" {
		prefix = "w"
	}
	return prefix + "-" + w.Hash()[:keyHashLength]
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
