package resolve

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/cluster/trim"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// sightingOf reads one sighting:
//
//	dns +60s 1.1.1.1 -> cart.shop.svc.cluster.local = 10.0.0.17 alias other.example
//	syn +60s 1.1.1.1 -> 10.0.0.17:80 nat 1.1.1.2:8080 times 3
//	socket +55s..+60s 1.1.1.1 pod client-0 -> 10.0.0.17:53/UDP
//
// Times count from the creation of the objects. The words after a party are its claims (pod, uid, workload); nat is the
// server's address after translation; alias adds a name to the chain, answered-by is the DNS server, times folds.
func sightingOf(t testing.TB, line string) traffic.Sighting {
	t.Helper()
	before, after, arrow := strings.Cut(line, "->")
	head := strings.Fields(before)
	if !arrow || len(head) < 3 {
		t.Fatalf("sighting %q: want <source> <time> <client> -> <server>", line)
	}
	s := traffic.Sighting{Source: traffic.Source(head[0]), Count: 1, What: traffic.What{Act: traffic.Connect, Protocol: traffic.TCP}}
	first, last, folded := strings.Cut(head[1], "..")
	if !folded {
		last = first
	}
	s.First, s.Last = timeOf(t, first), timeOf(t, last)
	if addr, err := netip.ParseAddr(head[2]); err == nil {
		s.From.Addr = addr
	} else {
		head = append(head[:2:2], append([]string{"-"}, head[2:]...)...) // a client without an address has claims alone
	}
	readClaims(t, &s.From, head[3:])
	readServer(t, &s, strings.Fields(after))
	return s
}

func timeOf(t testing.TB, text string) time.Time {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return t0.Add(d)
}

func readClaims(t testing.TB, p *traffic.Party, words []string) {
	t.Helper()
	for i := 0; i+1 < len(words); i += 2 {
		switch words[i] {
		case "pod":
			p.Pod = words[i+1]
		case "uid":
			p.PodUID = words[i+1]
		case "workload":
			var err error
			if p.Workload, err = identity.Parse(words[i+1]); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("claim %q: want pod, uid or workload", words[i])
		}
	}
}

func readServer(t testing.TB, s *traffic.Sighting, words []string) {
	t.Helper()
	where, rest := words[0], words[1:]
	address, protocol, named := strings.Cut(where, "/")
	if named {
		s.What.Protocol = traffic.Protocol(protocol)
	}
	if to, err := netip.ParseAddrPort(address); err == nil {
		s.To.Addr, s.To.Port = to.Addr(), to.Port()
	} else {
		s.To.Name = where
	}
	if s.Source == traffic.DNS {
		s.What.Act, s.What.Protocol = traffic.Lookup, ""
	}
	for i := 0; i+1 < len(rest); i += 2 {
		readDetail(t, s, rest[i], rest[i+1])
	}
}

func readDetail(t testing.TB, s *traffic.Sighting, word, value string) {
	t.Helper()
	var err error
	switch word {
	case "=":
		s.To.Addr, err = netip.ParseAddr(value)
	case "nat":
		s.What.Translated, err = netip.ParseAddrPort(value)
	case "answered-by":
		s.What.Responder, err = netip.ParseAddr(value)
	case "alias":
		s.What.Aliases = strings.TrimSpace(s.What.Aliases + " " + value)
	case "times":
		s.Count, err = strconv.ParseUint(value, 10, 64)
	default:
		readClaims(t, &s.To, []string{word, value})
	}
	if err != nil {
		t.Fatalf("%s %s: %v", word, value, err)
	}
}

// optionsOf reads options: "exclude <namespaces>", "domain <domain>", "network <prefix>", "private <prefix>",
// "control-plane-bits <n>", "control-plane-bits6 <n>", "no-external", and what readingOf reads. Nothing is excluded by default.
func optionsOf(t testing.TB, text string) Options {
	t.Helper()
	o := Options{External: true}
	for line := range strings.Lines(text) {
		option, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		var err error
		var prefix netip.Prefix
		switch option {
		case "":
		case "exclude":
			o.ExcludedNamespaces = ParseNamespaces(value)
		case "domain":
			o.ClusterDomains = append(o.ClusterDomains, value)
		case "network":
			prefix, err = netip.ParsePrefix(value)
			o.ClusterNetworks = append(o.ClusterNetworks, prefix)
		case "private":
			prefix, err = netip.ParsePrefix(value)
			o.PrivateNetworks = append(o.PrivateNetworks, prefix)
		case "control-plane-bits":
			o.ControlPlaneBits4, err = strconv.Atoi(value)
		case "control-plane-bits6":
			o.ControlPlaneBits6, err = strconv.Atoi(value)
		case "workload-name-annotation", "image-names-for-jobs":
		case "no-external":
			o.External = false
		default:
			t.Fatalf("option %q is not known", option)
		}
		if err != nil {
			t.Fatalf("option %q: %v", line, err)
		}
	}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	return o
}

// readingOf reads how objects are read: "workload-name-annotation <key>", "image-names-for-jobs".
func readingOf(text string) trim.Options {
	var o trim.Options
	for line := range strings.Lines(text) {
		switch option, value, _ := strings.Cut(strings.TrimSpace(line), " "); option {
		case "workload-name-annotation":
			o.WorkloadNameAnnotation = value
		case "image-names-for-jobs":
			o.ImageNamesForJobs = true
		}
	}
	return o
}
