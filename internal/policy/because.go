package policy

import (
	"cmp"
	"slices"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/identity"
)

// noTarget is the target index of what is not about one target.
const noTarget = -1

// String returns the cause as the annotation portolan.dev/because spells it: "ClientIntents shop/checkout", or with the
// implied rule in front "M1 Service shop/web".
func (b Because) String() string {
	text := b.Kind + " " + b.Namespace + "/" + b.Name
	if b.Rule != "" {
		return b.Rule + " " + text
	}
	return text
}

// compareBecause orders what is declared before what is implied.
func compareBecause(a, b Because) int {
	return cmp.Or(
		cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Target, b.Target),
	)
}

func becauseOf(intents *v2beta1.ClientIntents, target int) Because {
	return Because{Kind: kindClientIntents, Namespace: intents.Namespace, Name: intents.Name, Target: target}
}

// becauseCalledBy names the server whose pods carry the annotation: "called-by shop/Deployment/payments".
func becauseCalledBy(server identity.Workload) Because {
	return Because{Kind: "called-by", Namespace: server.Namespace, Name: server.Kind + "/" + server.Name, Target: noTarget}
}

// because lists what the enforced directions of the ruling come from, sorted, equal entries once. DNS is left out: it
// comes from every restriction.
func (r Ruling) because() []string {
	var causes []Because
	if r.Isolates(Ingress) {
		causes = append(causes, r.isolating...)
		for _, p := range r.In {
			causes = append(causes, p.Because)
		}
	}
	if r.Isolates(Egress) {
		for _, p := range r.Out {
			if p.Because.Rule == "" {
				causes = append(causes, p.Because)
			}
		}
		causes = append(causes, r.restricting...)
	}
	for i := range causes {
		causes[i].Target = noTarget
	}
	slices.SortFunc(causes, compareBecause)
	texts := make([]string, 0, len(causes))
	for _, b := range slices.Compact(causes) {
		texts = append(texts, b.String())
	}
	return texts
}
