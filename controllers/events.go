package controllers

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/policy"
)

// Recorder is the part of client-go's events recorder that is used. Calls return at once.
type Recorder interface {
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// notice is one event for people.
type notice struct {
	severity policy.Severity
	reason   string
	note     string
}

// Reasons of events about writes.
const (
	eventCreated = "CreatedNetworkPolicies"
	eventUpdated = "UpdatedNetworkPolicies"
	eventRemoved = "RemovedNetworkPolicies"
)

const (
	maxNote   = 1024 // bytes of a note that the API server accepts
	maxListed = 5    // sentences that one note has
)

// announce hands a notice to the recorder.
func announce(recorder Recorder, metrics *metrics, about *corev1.ObjectReference, n notice) {
	kind := corev1.EventTypeNormal
	if n.severity == policy.Warning {
		kind = corev1.EventTypeWarning
	}
	metrics.events.WithLabelValues(n.reason).Inc()
	recorder.Eventf(about, nil, kind, n.reason, "Reconcile", "%s", shortened(n.note))
}

// noticesOf turns what was done for one object into one notice for each kind of change.
func noticesOf(all []news) []notice {
	var notices []notice
	for _, kind := range []struct {
		verb   verb
		reason string
	}{{verbCreated, eventCreated}, {verbUpdated, eventUpdated}, {verbRemoved, eventRemoved}} {
		same := slices.DeleteFunc(slices.Clone(all), func(n news) bool { return n.verb != kind.verb })
		slices.SortFunc(same, func(a, b news) int { return compareRefs(a.object, b.object) })
		same = slices.Compact(same)
		if len(same) > 0 {
			notices = append(notices, notice{severity: policy.Info, reason: kind.reason, note: changeNote(same)})
		}
	}
	return notices
}

// changeNote says what was done, one sentence for each object.
func changeNote(same []news) string {
	sentences := make([]string, 0, len(same))
	for _, n := range same {
		sentences = append(sentences, fmt.Sprintf("%s %s/%s %s for %s", n.object.Kind, n.object.Namespace, n.object.Name, n.verb, n.subject))
	}
	return listed(sentences)
}

// listed joins the first few sentences, each as it would stand alone, and says how many more there are.
func listed(sentences []string) string {
	text := strings.Join(sentences[:min(len(sentences), maxListed)], "; ")
	if more := len(sentences) - maxListed; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// noticeKey says which state a finding is about, so that the same state is announced once whatever its wording.
type noticeKey struct {
	reason string
	target int
}

func keyOf(f policy.Finding) noticeKey { return noticeKey{reason: f.Reason, target: f.Target} }

// newFindings returns the findings whose state was not known before, in order, once each.
func newFindings(known map[noticeKey]struct{}, findings []policy.Finding) []policy.Finding {
	seen := make(map[noticeKey]struct{}, len(findings))
	var fresh []policy.Finding
	for _, f := range findings {
		key := keyOf(f)
		_, before := known[key]
		_, twice := seen[key]
		seen[key] = struct{}{}
		if !before && !twice {
			fresh = append(fresh, f)
		}
	}
	return fresh
}

func keysOf(findings []policy.Finding) map[noticeKey]struct{} {
	keys := make(map[noticeKey]struct{}, len(findings))
	for _, f := range findings {
		keys[keyOf(f)] = struct{}{}
	}
	return keys
}

// reference names an object to the recorder. uid may be empty.
func reference(o policy.ObjectRef, uid types.UID) *corev1.ObjectReference {
	version := "v1"
	switch o.Kind {
	case v2beta1.KindClientIntents, v2beta1.KindProtectedService, v2beta1.KindKafkaServerConfig:
		version = v2beta1.GroupVersion().String()
	}
	return &corev1.ObjectReference{APIVersion: version, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, UID: uid}
}

// shortened cuts a note to what the API server accepts, at the edge of a character.
func shortened(note string) string {
	if len(note) <= maxNote {
		return note
	}
	cut := note[:maxNote-len("…")]
	for !utf8.ValidString(cut) && len(cut) > 0 {
		cut = cut[:len(cut)-1]
	}
	return cut + "…"
}

// grouped turns findings into one notice for each reason, in the order in which the reasons come first.
func grouped(findings []policy.Finding) []notice {
	var notices []notice
	for _, f := range findings {
		if slices.ContainsFunc(notices, func(n notice) bool { return n.reason == f.Reason }) {
			continue
		}
		var messages []string
		for _, same := range findings {
			if same.Reason == f.Reason && !slices.Contains(messages, same.Message) {
				messages = append(messages, same.Message)
			}
		}
		notices = append(notices, notice{severity: f.Severity, reason: f.Reason, note: listed(messages)})
	}
	return notices
}

// freshFindings returns what has to be announced about pods and Services when the result of a subject follows another.
// The first result after a start repeats what an operator before may have said: of it only warnings and what comes with
// a write are announced.
func freshFindings(before, after result, wrote bool) []policy.Finding {
	var fresh []policy.Finding
	for _, f := range after.findings {
		isNew := !slices.Contains(before.findings, f)
		if isNew && (wrote || f.Severity == policy.Warning || before.subject == after.subject) {
			fresh = append(fresh, f)
		}
	}
	for _, f := range before.findings {
		if f.Reason == impliedAdded && !slices.Contains(after.findings, f) {
			f.Reason, f.Message = impliedRemoved, strings.Replace(f.Message, "is allowed in", "is no longer added to", 1)
			fresh = append(fresh, f)
		}
	}
	return fresh
}

// Reasons of events about Services.
const (
	impliedAdded   = "ImpliedAccessAdded"
	impliedRemoved = "ImpliedAccessRemoved"
)

// uidOf returns the uid of an object that an event is about, or nothing where the snapshot does not know it.
func uidOf(snap *cluster.Snapshot, about policy.ObjectRef) types.UID {
	space, known := snap.Space(about.Namespace)
	if !known || about.Kind != kindPod {
		return ""
	}
	pod, known := space.Pod(about.Name)
	if !known {
		return ""
	}
	return types.UID(pod.UID)
}
