package resolve

import (
	"fmt"
	"strings"

	"github.com/portolan-io/portolan/internal/traffic"
)

// Meaning returns what a reason says, in words for people. It is empty for Resolved and for reasons of other versions.
func (r Reason) Meaning() string { return meanings()[r] }

func meanings() map[Reason]string {
	return map[Reason]string{
		NoHolder:          "an address of the cluster that nobody held at that time",
		Ambiguous:         "several pods, Services or workloads fit",
		HostNetwork:       "the address of a node, which says nothing about who on it",
		ClaimMismatch:     "the address and the claimed pod contradict each other",
		SamePod:           "a pod that talks to itself",
		LocalAddress:      "loopback, link-local, multicast or broadcast",
		UnknownService:    "a cluster name of a Service that does not exist",
		BadClusterName:    "a cluster name of no known form",
		NoBackend:         "a Service without pods behind it",
		NoTarget:          "traffic across the border to an address and port that nobody owns",
		UnknownWorkload:   "a claimed workload that does not exist",
		UnknownBroker:     "a Kafka log of a pod that is not known",
		UnknownOperation:  "a Kafka operation that is not known",
		OwnerUnresolved:   "an owner of the pod cannot be read",
		DNSRelay:          "a DNS server that asks for others",
		SearchNoise:       "a search suffix behind a cluster name",
		ExcludedNamespace: "a namespace that is kept out of the map",
		ExternalDisabled:  "traffic across the border, which is switched off",
		ForeignNode:       "reported by another node than those of its pods",
		TooOld:            "older than what is remembered of addresses",
		WaitFull:          "too many sightings waited",
		Shutdown:          "it waited when the operator stopped",
		GraphFull:         "a bound of the map is reached",
	}
}

// Describe writes what a sighting says, in words for people: "10.0.0.9 -> 10.96.0.7 port 80/TCP", or
// "10.0.0.9 asked for www.example.com = 203.0.113.7".
func Describe(s traffic.Sighting) string {
	if s.What.Act == traffic.Lookup {
		asked := describeParty(s.From, "") + " asked for " + s.To.Name
		if s.To.Addr.IsValid() {
			asked += " = " + s.To.Addr.String()
		}
		return asked
	}
	text := describeParty(s.From, "") + " -> " + describeParty(s.To, s.What.Protocol)
	if s.What.Translated.IsValid() {
		text += " translated to " + s.What.Translated.String()
	}
	return text
}

// describeParty writes what a source knew of one side.
func describeParty(p traffic.Party, protocol traffic.Protocol) string {
	var parts []string
	if p.Addr.IsValid() {
		parts = append(parts, p.Addr.String())
	}
	if p.Port != 0 {
		port := fmt.Sprintf("port %d", p.Port)
		if protocol != "" {
			port += "/" + string(protocol)
		}
		parts = append(parts, port)
	}
	for _, claim := range [...]struct{ what, is string }{{"", p.Name}, {"pod ", p.Pod}, {"UID ", p.PodUID}} {
		if claim.is != "" {
			parts = append(parts, claim.what+claim.is)
		}
	}
	if !p.Workload.IsZero() {
		parts = append(parts, p.Workload.String())
	}
	return strings.Join(parts, " ")
}
