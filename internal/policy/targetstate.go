package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/identity"
)

// state is what became of one target at one of its backends, or of the target as a whole.
type state struct {
	state   v2beta1.TargetState
	reason  v2beta1.TargetReason
	message string
	held    bool // it waits because egress is held, not because Portolan has something left to do
}

func applied() state {
	return state{state: v2beta1.TargetStateEnforced, reason: v2beta1.TargetReasonApplied}
}

func failed(reason v2beta1.TargetReason, message string) state {
	return state{state: v2beta1.TargetStateFailed, reason: reason, message: message}
}

func pending(reason v2beta1.TargetReason, message string) state {
	return state{state: v2beta1.TargetStatePending, reason: reason, message: message}
}

func notEnforced(reason v2beta1.TargetReason, message string) state {
	return state{state: v2beta1.TargetStateNotEnforced, reason: reason, message: message}
}

func inShadow(message string) state {
	return state{state: v2beta1.TargetStateShadow, reason: v2beta1.TargetReasonShadowMode, message: message}
}

// badness orders states from bad to good.
func badness(s v2beta1.TargetState) int {
	return slices.Index([]v2beta1.TargetState{
		v2beta1.TargetStateFailed, v2beta1.TargetStatePending, v2beta1.TargetStatePartial,
		v2beta1.TargetStateNotEnforced, v2beta1.TargetStateShadow, v2beta1.TargetStateEnforced,
	}, s)
}

// worst returns the worst of the states, the first of equally bad ones; Applied for none.
func worst(states []state) state {
	if len(states) == 0 {
		return applied()
	}
	return slices.MinFunc(states, func(a, b state) int { return cmp.Compare(badness(a.state), badness(b.state)) })
}

// target returns the state of one target.
func (j *judge) target(index int) state {
	t := &j.intents.Spec.Targets[index]
	meant, ok := mean(t, j.intents.Namespace)
	if !ok {
		return failed(v2beta1.TargetReasonInvalidTarget,
			"a target has exactly one of kubernetes, service, kafka, sql, aws, gcp, azure, internet, and a name is <name> or <name>.<namespace>")
	}
	switch meant.Type {
	case v2beta1.TargetTypeKubernetes, v2beta1.TargetTypeService, v2beta1.TargetTypeKafka:
		return j.server(t, meant)
	case v2beta1.TargetTypeInternet:
		return j.internet(t.Internet)
	default:
		return notEnforced(v2beta1.TargetReasonTypeNotEnforced, "")
	}
}

// server returns the state of a target that is in the cluster.
func (j *judge) server(t *v2beta1.Target, meant meaning) state {
	var states []state
	if meant.APIServer {
		states = append(states, j.perClient(j.apiServer)...)
	} else {
		states = append(states, j.backends(meant)...)
		states = append(states, j.perClient(func(client identity.Workload) state { return j.egressTo(client, meant) })...)
	}
	states = append(states, j.topics(t, meant)...)
	found := worst(states)
	switch {
	case found.state != v2beta1.TargetStateEnforced:
		return found
	case declaresHTTP(t):
		return state{
			state: v2beta1.TargetStatePartial, reason: v2beta1.TargetReasonHTTPNotEnforced,
			message: "the network rule is in place; nothing limits the requests themselves",
		}
	default:
		return j.ambiguity(meant, found)
	}
}

func declaresHTTP(t *v2beta1.Target) bool {
	return t.Kubernetes != nil && len(t.Kubernetes.HTTP) > 0 || t.Service != nil && len(t.Service.HTTP) > 0
}

// ambiguity returns the state of a target that has effect, and says so where its name means several workloads.
func (j *judge) ambiguity(meant meaning, found state) state {
	servers := meant.servers(j.snap)
	if len(servers) < 2 {
		return found
	}
	names := make([]string, 0, len(servers))
	for _, s := range servers {
		names = append(names, s.String())
	}
	found.reason = v2beta1.TargetReasonAmbiguousKind
	found.message = fmt.Sprintf("the name means %s; all are used", strings.Join(names, " and "))
	return found
}

// backends returns the ingress state of every server that a target means.
func (j *judge) backends(meant meaning) []state {
	servers := meant.servers(j.snap)
	if len(servers) == 0 {
		return []state{pending(v2beta1.TargetReasonWorkloadNotFound, j.notFound(meant))}
	}
	states := make([]state, 0, len(servers))
	for _, s := range servers {
		states = append(states, j.ingress(s))
	}
	return states
}

// notFound says which workload is missing, and what was perhaps meant.
func (j *judge) notFound(meant meaning) string {
	message := fmt.Sprintf("no %s %s in %s", cmp.Or(meant.Kind, "workload"), meant.Server.Name, meant.Server.Namespace)
	space, known := j.snap.Space(meant.Server.Namespace)
	if !known {
		return message
	}
	if slices.ContainsFunc(space.Named(meant.Server.Name, ""), func(w identity.Workload) bool { return w.Kind == "" }) {
		return message + fmt.Sprintf("; %s is named by annotation: leave the kind out", meant.Server.Name)
	}
	if _, isService := space.Service(meant.Server.Name); isService {
		return message + "; a Service of that name exists: use service"
	}
	return message
}

// ingress returns the state of the rule at one server.
func (j *judge) ingress(server identity.Workload) state {
	if server.Kind == identity.KindService {
		if s, unusable := unusableState(server, unusableService(j.snap, server)); unusable {
			return s
		}
	}
	mode, why := j.about(server).ingressMode()
	switch {
	case mode == ModeNone && why != "":
		return notEnforced(why, fmt.Sprintf("%s is not isolated", server))
	case isProposal(j.intents):
		return inShadow(j.proposalNote(server, mode))
	case mode == ModeEnforce:
		states := []state{j.object(server, j.written[server].Ingress)}
		for _, client := range j.clients {
			states = append(states, j.named(client, v2beta1.TargetReasonClientNotFound))
		}
		return worst(states)
	default:
		return inShadow("")
	}
}

// named returns the state of a rule that speaks of a workload or Service, as far as a policy can name its pods.
func (j *judge) named(who identity.Workload, without v2beta1.TargetReason) state {
	chosen, exists := Select(j.snap, who)
	if !exists || len(chosen.Labels) > 0 || len(chosen.Hosts) > 0 {
		return applied()
	}
	return pending(without, fmt.Sprintf("no pod of %s has an address yet, and on the host network a rule needs one", who))
}

func unusableState(service identity.Workload, reason v2beta1.TargetReason) (state, bool) {
	name := service.Namespace + "/" + service.Name
	switch reason {
	case "":
		return state{}, false
	case v2beta1.TargetReasonServiceNotFound:
		return pending(reason, "no Service "+name), true
	case v2beta1.TargetReasonExternalNameService:
		return notEnforced(reason, "Service "+name+" stands for an outside name: use internet"), true
	default:
		return notEnforced(reason, "Service "+name+" has no selector: use internet with its addresses"), true
	}
}

// proposalNote says what a proposal costs its client now.
func (j *judge) proposalNote(server identity.Workload, mode Mode) string {
	if mode != ModeEnforce {
		return ""
	}
	admitted := j.about(server).callers()
	for _, client := range j.clients {
		if !slices.ContainsFunc(admitted, func(p Permission) bool { return p.Client == client }) {
			return fmt.Sprintf("%s is isolated; %s is denied until this object is in force", server, client)
		}
	}
	return ""
}

// object returns the state of a rule that is to be in an object of Portolan.
func (j *judge) object(subject identity.Workload, isolated bool) state {
	w := j.written[subject]
	switch {
	case w.Conflict != "":
		return failed(v2beta1.TargetReasonNameConflict, w.Conflict+" exists and is not Portolan's")
	case w.Error != "":
		return failed(v2beta1.TargetReasonAPIError, w.Error)
	case !isolated:
		return pending(v2beta1.TargetReasonAwaitingFirstIsolation, fmt.Sprintf("%s is about to be isolated", subject))
	default:
		return applied()
	}
}

// perClient returns a state for every client, or that there is none.
func (j *judge) perClient(of func(identity.Workload) state) []state {
	if len(j.clients) == 0 {
		return []state{pending(v2beta1.TargetReasonClientNotFound, "no "+clientTitle(j.intents))}
	}
	states := make([]state, 0, len(j.clients))
	for _, client := range j.clients {
		states = append(states, of(client))
	}
	return states
}

// egressTo returns the state of the rules for a server in the egress policy of a client; without one, or while it is held,
// nothing is wrong with them.
func (j *judge) egressTo(client identity.Workload, meant meaning) state {
	if mode, _ := j.about(client).egressMode(); mode != ModeEnforce || len(j.holds) > 0 {
		return applied()
	}
	states := []state{j.object(client, j.written[client].Egress)}
	for _, server := range meant.servers(j.snap) {
		states = append(states, j.named(server, v2beta1.TargetReasonWorkloadNotFound))
	}
	return worst(states)
}

// apiServer returns the state of a client's rule for the API server.
func (j *judge) apiServer(client identity.Workload) state {
	mode, why := j.about(client).egressMode()
	switch {
	case mode == ModeNone && why == v2beta1.TargetReasonEgressDisabled || len(j.holds) > 0:
		return state{state: v2beta1.TargetStateEnforced, reason: v2beta1.TargetReasonNoRuleNeeded}
	case len(APIServerAddresses(j.snap, *j.set)) == 0:
		return failed(v2beta1.TargetReasonNoAPIServerEndpoints, "Service default/kubernetes or its EndpointSlices have no address")
	default:
		return j.egress(client)
	}
}

// egress returns the state of a rule that is only in the egress policy of a client.
func (j *judge) egress(client identity.Workload) state {
	mode, why := j.about(client).egressMode()
	switch {
	case mode == ModeNone && why != "":
		return notEnforced(why, fmt.Sprintf("%s is not restricted", client))
	case mode != ModeEnforce || isProposal(j.intents):
		return inShadow("")
	case len(j.holds) > 0:
		waiting := pending(v2beta1.TargetReasonAwaitingFirstIsolation, heldText(client, j.holds[0]))
		waiting.held = true
		return waiting
	default:
		return j.object(client, j.written[client].Egress)
	}
}

func heldText(client identity.Workload, h Hold) string {
	return fmt.Sprintf("egress of %s is not restricted yet: %s: %s", client, h.Title, h.Reason)
}

// internet returns the state of an internet target.
func (j *judge) internet(target *v2beta1.InternetTarget) state {
	reached := j.about(identity.Workload{}).internet(j.intents, target)
	switch {
	case reached.Wrong != "":
		return failed(reached.Wrong, reached.Which+" cannot be used")
	case !j.set.Egress:
		return notEnforced(v2beta1.TargetReasonEgressDisabled, "")
	case len(reached.Unknown) > 0:
		return pending(v2beta1.TargetReasonUnresolvedDomain, "no address is known yet for "+strings.Join(reached.Unknown, ", "))
	default:
		return worst(j.perClient(j.egress))
	}
}

// topics returns the state of the topics of a kafka target: its network rule stands without them.
func (j *judge) topics(t *v2beta1.Target, meant meaning) []state {
	if t.Kafka == nil || len(t.Kafka.Topics) == 0 {
		return nil
	}
	if space, known := j.snap.Space(meant.Server.Namespace); known {
		for _, broker := range space.Brokers() {
			if sameName(broker.Spec.Workload.Name, meant.Server.Name) {
				return []state{notEnforced(v2beta1.TargetReasonKafkaDisabled, "ACLs are not written; the network rule is in place")}
			}
		}
	}
	return []state{notEnforced(v2beta1.TargetReasonKafkaServerNotConfigured,
		fmt.Sprintf("broker %s/%s not configured", meant.Server.Namespace, meant.Server.Name))}
}
