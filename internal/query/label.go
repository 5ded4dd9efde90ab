package query

import (
	"fmt"
	"strings"

	"connectrpc.com/connect"

	"github.com/portolan-io/portolan/internal/graph"
)

// Label is a label of a pod, with one value or any.
type Label struct {
	Key, Value string
	Any        bool // whatever the value
}

// ParseLabel reads "key=value", or "key" for any value.
func ParseLabel(text string) (Label, error) {
	key, value, valued := strings.Cut(text, "=")
	if key == "" {
		return Label{}, fmt.Errorf("label %q: want key=value, or key for any value", text)
	}
	return Label{Key: key, Value: value, Any: !valued}, nil
}

// On reports whether labels have this one.
func (l Label) On(labels map[string]string) bool {
	value, has := labels[l.Key]
	return has && (l.Any || value == l.Value)
}

// maxLabels bounds how many labels a question may name.
const maxLabels = 100

// without completes a filter with the workloads that labels leave out.
func (s service) without(f graph.Filter, texts []string) (graph.Filter, error) {
	if len(texts) == 0 {
		return f, nil
	}
	if len(texts) > maxLabels {
		return f, connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("without_labels: %d labels; want at most %d", len(texts), maxLabels))
	}
	labels := make([]Label, len(texts))
	for i, text := range texts {
		label, err := ParseLabel(text)
		if err != nil {
			return f, connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("without_labels: %w", err))
		}
		labels[i] = label
	}
	f.Without = s.source.Labelled(labels)
	return f, nil
}
