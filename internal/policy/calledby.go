package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/identity"
)

// parseCalledBy reads the value of the annotation intents.otterize.com/called-by: a JSON array of objects with name,
// which is <workload>.<namespace>, and kind. Callers come in the order written; the name may hold '_' for '.'.
//
// One wrong entry makes the whole value void. The text of the error is what the pod's event says.
func parseCalledBy(value string) ([]identity.Workload, error) {
	var entries []struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal([]byte(value), &entries); err != nil {
		return nil, fmt.Errorf("failed to parse access annotation: %w", err)
	}
	if bytes.Equal(bytes.TrimSpace([]byte(value)), []byte("null")) {
		return nil, errors.New("failed to parse access annotation: want an array, not null")
	}
	callers := make([]identity.Workload, 0, len(entries))
	for _, e := range entries {
		name, namespace, qualified := strings.Cut(e.Name, ".")
		switch {
		case !qualified || name == "" || namespace == "" || strings.Contains(namespace, "."):
			return nil, fmt.Errorf("bad called-by annotation client name '%s' should be in the format 'name.namespace'", e.Name)
		case e.Kind == "":
			return nil, errors.New("kind is required")
		case e.Kind[0] < 'A' || e.Kind[0] > 'Z':
			return nil, fmt.Errorf("kind '%s' should start with a capital letter", e.Kind)
		}
		callers = append(callers, identity.Workload{Namespace: namespace, Kind: e.Kind, Name: name})
	}
	return callers, nil
}

// calledByOf returns the callers that the annotations of a workload's pods name, as written, each once and sorted. Pods
// that are terminating and annotations that are void do not count.
func calledByOf(w *cluster.Workload) []identity.Workload {
	var callers []identity.Workload
	for _, value := range calledByValues(w) {
		named, err := parseCalledBy(value)
		if err == nil {
			callers = append(callers, named...)
		}
	}
	slices.SortFunc(callers, identity.Compare)
	return slices.Compact(callers)
}

// calledByValues returns the distinct annotation values of the pods that are not terminating.
func calledByValues(w *cluster.Workload) []string {
	var values []string
	for _, p := range w.Pods {
		if p.CalledBy != "" && !p.Terminating && !slices.Contains(values, p.CalledBy) {
			values = append(values, p.CalledBy)
		}
	}
	return values
}

// calledBy returns the callers that annotations of the subject's pods name, whether they exist or not.
func (m matter) calledBy() []identity.Workload {
	w, known := m.workload()
	if !known {
		return nil
	}
	return calledByOf(w)
}

// annotatedCallers returns the workloads that annotations of the subject's pods name and that exist.
func (m matter) annotatedCallers() []identity.Workload {
	return existing(m.snap, m.calledBy())
}

// existing returns the workloads that references with a kind mean, sorted, each once.
func existing(snap *cluster.Snapshot, refs []identity.Workload) []identity.Workload {
	var found []identity.Workload
	for _, ref := range refs {
		if space, known := snap.Space(ref.Namespace); known {
			found = append(found, space.Named(ref.Name, ref.Kind)...)
		}
	}
	slices.SortFunc(found, identity.Compare)
	return slices.Compact(found)
}

// annotatedServers returns the workloads whose called-by annotations name client, sorted.
func annotatedServers(snap *cluster.Snapshot, client identity.Workload) []identity.Workload {
	var servers []identity.Workload
	for w := range annotated(snap) {
		if slices.ContainsFunc(calledByOf(w), func(ref identity.Workload) bool { return refersTo(ref, client) }) {
			servers = append(servers, w.ID)
		}
	}
	slices.SortFunc(servers, identity.Compare)
	return servers
}

// annotated yields every workload with a called-by annotation on one of its pods.
func annotated(snap *cluster.Snapshot) iter.Seq[*cluster.Workload] {
	return func(yield func(*cluster.Workload) bool) {
		for _, namespace := range snap.Namespaces() {
			space, _ := snap.Space(namespace)
			for w := range annotatedIn(space) {
				if !yield(w) {
					return
				}
			}
		}
	}
}

// annotatedIn yields those of one namespace.
func annotatedIn(space *cluster.Space) iter.Seq[*cluster.Workload] {
	return func(yield func(*cluster.Workload) bool) {
		for _, id := range space.Workloads() {
			w, _ := space.Workload(id)
			if len(calledByValues(w)) > 0 && !yield(w) {
				return
			}
		}
	}
}

// refersTo reports whether a reference means that workload; a reference without kind means every kind.
func refersTo(ref, who identity.Workload) bool {
	return ref.Namespace == who.Namespace && (ref.Kind == "" || ref.Kind == who.Kind) && sameName(ref.Name, who.Name)
}

// podFindings tells of annotations on the subject's pods that are not used.
func (m matter) podFindings() []Finding {
	w, known := m.workload()
	if !known {
		return nil
	}
	var findings []Finding
	for _, p := range w.Pods {
		about := ObjectRef{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}
		if p.CalledBy != "" && !p.Terminating {
			if _, err := parseCalledBy(p.CalledBy); err != nil {
				findings = append(findings, Finding{
					About: about, Target: noTarget, Severity: Warning, Reason: "FailedParsingAccessAnnotation", Message: err.Error(),
				})
			}
		}
		if p.WorkloadName != "" && p.WorkloadName != w.ID.Name {
			findings = append(findings, Finding{
				About: about, Target: noTarget, Severity: Warning, Reason: "InvalidWorkloadName",
				Message: fmt.Sprintf("the workload name %q has white space or more than 253 characters; it is not used", p.WorkloadName),
			})
		}
	}
	return findings
}
