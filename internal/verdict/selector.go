package verdict

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// selector is a label selector, ready to be asked often. The zero selector selects everything.
type selector []requirement

type requirement struct {
	key      string
	operator metav1.LabelSelectorOperator
	values   []string
}

// newSelector reads a label selector. Source: LabelSelector of the Kubernetes API; all requirements must hold.
func newSelector(given metav1.LabelSelector) selector {
	var s selector
	for _, key := range slices.Sorted(maps.Keys(given.MatchLabels)) {
		s = append(s, requirement{key: key, operator: metav1.LabelSelectorOpIn, values: []string{given.MatchLabels[key]}})
	}
	for _, e := range given.MatchExpressions {
		s = append(s, requirement{key: e.Key, operator: e.Operator, values: e.Values})
	}
	return s
}

func (s selector) selects(labels map[string]string) match {
	all := yes
	for i := range s {
		if all = min(all, s[i].holds(labels)); all == no {
			return no
		}
	}
	return all
}

// holds reports whether the labels meet the requirement. One that the API server would refuse depends on what it was
// meant to be.
func (r *requirement) holds(labels map[string]string) match {
	value, present := labels[r.key]
	switch r.operator {
	case metav1.LabelSelectorOpIn:
		return matchIf(present && slices.Contains(r.values, value))
	case metav1.LabelSelectorOpNotIn:
		return matchIf(!present || !slices.Contains(r.values, value))
	case metav1.LabelSelectorOpExists:
		return matchIf(present)
	case metav1.LabelSelectorOpDoesNotExist:
		return matchIf(!present)
	default:
		return maybe
	}
}
