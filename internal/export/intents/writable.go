package intents

import (
	"regexp"
	"unicode/utf8"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
)

// What the API accepts: see the rules in api/v2beta1. A name that a pod's annotation gives may be anything, and so may a
// name that somebody asked the DNS for.
var (
	serviceForm   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	namespaceForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	kindForm      = regexp.MustCompile(`^([A-Z][A-Za-z0-9]{0,62})?$`)
	domainForm    = regexp.MustCompile(`^([\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?[.])*[\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?[.]?$`)
)

// The lengths that the API accepts, in characters.
const (
	maxWorkloadName = 253
	maxDomain       = 254
)

func writableServer(p graph.Peer) bool {
	switch {
	case p.Inside():
		return writableWorkload(p.Workload)
	case p.Name != "":
		return utf8.RuneCountInString(p.Name) <= maxDomain && domainForm.MatchString(p.Name)
	default:
		return p.Addr.IsValid() && p.Addr.Zone() == ""
	}
}

func writableWorkload(who identity.Workload) bool {
	length := utf8.RuneCountInString(who.Name)
	return namespaceForm.MatchString(who.Namespace) && kindForm.MatchString(who.Kind) &&
		0 < length && length <= maxWorkloadName && utf8.ValidString(who.Name)
}
