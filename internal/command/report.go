package command

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/export/intents"
	"github.com/portolan-io/portolan/internal/query"
)

// report is what status prints.
type report struct {
	Schema     string      `json:"schema"`
	Degraded   bool        `json:"degraded"`
	Components []component `json:"components"`
	Refused    []refusal   `json:"refused"` // sightings that became no edge, by reason; they degrade nothing
}

type component struct {
	Component string   `json:"component"`
	Ready     string   `json:"ready"`
	Version   string   `json:"version,omitempty"`
	Notes     []string `json:"notes,omitempty"`
}

type refusal struct {
	Reason  string `json:"reason"`
	Source  string `json:"source"`
	Count   uint64 `json:"count"`
	Example string `json:"example,omitempty"`
	Meaning string `json:"meaning,omitempty"`
}

const statusSchema = "portolan.status/v1"

// installation is what the way to the operator showed of it.
type installation struct {
	ready, pods int // of the operator; 0 when it was asked directly
	crds        served
}

// served says whether the API server serves ClientIntents.
type served int

const (
	unknownServed served = iota
	isServed
	isMissing
)

// From here on something is degraded.
const (
	skewedBy     = 5 * time.Second // between two clocks
	completeFrom = 0.999           // share of sightings that arrived
)

// diagnose says what the facts mean. It is pure.
func diagnose(s query.Status, around installation) report {
	r := report{Schema: statusSchema, Components: []component{}, Refused: []refusal{}}
	if s.WithoutMap {
		r.add(component{
			Component: "agent", Ready: "-", Notes: []string{"this operator keeps no map (--map=false); agents report to the one that does"},
		}, false)
	} else {
		r.add(agents(s))
	}
	r.add(operator(s, around))
	if around.crds != unknownServed {
		r.add(crds(around.crds))
	}
	for _, refused := range s.Refusals {
		r.Refused = append(r.Refused, refusal(refused))
	}
	slices.SortFunc(r.Refused, func(a, b refusal) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Source, b.Source))
	})
	return r
}

func (r *report) add(c component, degraded bool) {
	r.Components = append(r.Components, c)
	r.Degraded = r.Degraded || degraded
}

// agents describes the agents of all nodes. Those of nodes that are gone are not missed.
func agents(s query.Status) (_ component, degraded bool) {
	known := make(map[string]query.Agent, len(s.Agents))
	window := document.Window{}
	for _, a := range s.Agents {
		known[a.Node] = a
		window.Acknowledged += a.Acknowledged
		window.Dropped += a.Dropped
	}
	var notes []string
	ready, versions := 0, make(map[string]bool)
	for _, node := range s.Nodes {
		agent, reported := known[node]
		trouble, bad := nodeTrouble(s, node, agent, reported)
		if notes = append(notes, trouble...); bad {
			degraded = true
		}
		for _, sentence := range agent.Notes {
			notes = append(notes, node+": "+sentence)
		}
		if reported {
			versions[agent.Version] = true
		}
		if reported && !agent.Blind && s.Now.Sub(agent.LastSeen) <= query.SilentAfter {
			ready++
		}
	}
	complete := "nothing seen yet"
	if window.Acknowledged+window.Dropped > 0 {
		complete = intents.Percent(window.Completeness()) + " complete"
	}
	return component{
		Component: "agent", Ready: fmt.Sprintf("%d/%d", ready, len(s.Nodes)),
		Version: strings.Join(slices.Sorted(maps.Keys(versions)), ","), Notes: append([]string{complete}, notes...),
	}, degraded || window.Completeness() < completeFrom
}

// nodeTrouble says what is wrong with the agent of a node, with the remedy. For a grace period after the start of an
// operator, and after a node has joined, nothing is a finding: agents come up with them, and their first word is that they
// do not run yet.
func nodeTrouble(s query.Status, node string, agent query.Agent, reported bool) (trouble []string, bad bool) {
	event, age := youth(s, node)
	young := age < query.SilentAfter
	switch silent := s.Now.Sub(agent.LastSeen); {
	case !reported && young:
		return []string{fmt.Sprintf("%s: no word yet; %s %s ago, and a silent agent is a finding after %s",
			node, event, rounded(age), rounded(query.SilentAfter))}, false
	case !reported:
		return []string{node + ": no agent (kubectl get pods -A -o wide -l app.kubernetes.io/component=agent)"}, true
	case silent > query.SilentAfter:
		trouble = append(trouble, fmt.Sprintf("%s silent for %s (see the log of its agent %s)", node, rounded(silent), agent.Pod))
	}
	if agent.Skew.Abs() > skewedBy {
		trouble = append(trouble, fmt.Sprintf("%s: its clock and the operator's differ by %s (keep clocks in step by NTP)", node, rounded(agent.Skew.Abs())))
	}
	for _, sentence := range agent.Degraded {
		trouble = append(trouble, node+": "+sentence)
	}
	return trouble, len(trouble) > 0 && !young
}

// youth returns what happened last of the operator's start and the joining of a node, and how long ago that was.
func youth(s query.Status, node string) (event string, ago time.Duration) {
	if joined := s.Joined[node]; joined.After(s.Started) {
		return "the node joined", s.Now.Sub(joined)
	}
	return "the operator started", s.Now.Sub(s.Started)
}

// rounded writes a duration in its largest unit.
func rounded(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	default:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
}

func operator(s query.Status, around installation) (_ component, degraded bool) {
	kept, failing := keeping(s)
	notes := []string{
		kept,
		fmt.Sprintf("%d intents, %d failing", s.Intents, s.Failing),
	}
	if s.Failing > 0 {
		notes = append(notes, "see kubectl get clientintents -A")
	}
	if !s.Leading {
		notes = append(notes, "this replica stands by: another one writes to the cluster")
	}
	if around.ready > 1 && s.Store.Kind != storeShared {
		notes = append(notes, mapsApart(around.ready))
	}
	if !s.Synced {
		notes = append(notes, "the picture of the cluster is not complete yet")
	}
	ready := "ok"
	if around.pods > 0 {
		ready = fmt.Sprintf("%d/%d", around.ready, around.pods)
	}
	return component{Component: "operator", Ready: ready, Version: s.Version, Notes: append(notes, s.Notes...)},
		failing || s.Failing > 0 || !s.Synced || len(s.Notes) > 0 || around.ready < around.pods
}

// keeping says how many edges the map has and how they are kept.
func keeping(s query.Status) (_ string, failing bool) {
	if s.WithoutMap {
		return "no map (--map=false)", false
	}
	since, kept := s.Started, s.Store
	if !kept.Began.IsZero() {
		since = kept.Began
	}
	edges := fmt.Sprintf("%d edges since %s", s.Edges, since.UTC().Format(time.RFC3339))
	switch {
	case kept.Kind == "":
		return edges, false
	case kept.Problem != "" && kept.Kind == storeShared:
		return fmt.Sprintf("%s; store %s (the map is as of %s; agents keep what they see and send it when the store answers again)",
			edges, kept.Problem, kept.Contact.UTC().Format(time.RFC3339)), true
	case kept.Problem != "":
		return fmt.Sprintf("%s; store %s (for %s the map works from memory, which a restart would lose; %d batches wait for the store)",
			edges, kept.Problem, rounded(s.Now.Sub(kept.Since)), kept.Waiting), true
	case len(kept.Notes) > 0:
		return fmt.Sprintf("%s; store %s: %s", edges, kept.Kind, strings.Join(kept.Notes, "; ")), true
	case kept.Kind == storeNone:
		return edges + "; store memory: a restart forgets them", false
	default:
		return edges + "; store " + kept.Kind + " ok", false
	}
}

// The kinds of stores that are told apart.
const (
	storeNone   = "memory"
	storeShared = "postgres"
)

// mapsApart says what several operators mean for the map: each keeps its own unless they share a database.
func mapsApart(operators int) string {
	return fmt.Sprintf("%d operators run, and each knows only what its agents told it: this is the map of one (scale to 1 replica for a whole map, or give all one database with --store=postgres://…)", operators)
}

func crds(s served) (_ component, degraded bool) {
	version := v2beta1.GroupVersion().Version
	if s == isMissing {
		return component{
			Component: "crds", Ready: "missing", Version: version,
			Notes: []string{"ClientIntents are not served (" + installing + "config/crd)"},
		}, true
	}
	return component{Component: "crds", Ready: "ok", Version: version}, false
}
