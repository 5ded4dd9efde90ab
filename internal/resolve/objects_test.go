package resolve

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/traffic"
)

// setPod reads a pod. Behind its name are its addresses, and then
//
//	of Deployment/cart    its owner, by which it is called
//	node n1               where it runs
//	host                  it is on the host network
//	uid x, static x       its UID, and the one that its node knows
//	hostname h            spec.hostname
//	port 80/UDP           a port that it declares; 80:8080 is a host port 8080 as well, 80:8080@192.168.1.1 at that address
//	made +3s              when it was made; without it, when it came
//	ends +9s              when it stops to own its addresses
//	finished              its containers have ended
//	unresolved            its owner cannot be read
func (s *story) setPod(words []string) {
	s.t.Helper()
	f, name := s.space(words[0])
	p := &cluster.Pod{Namespace: f.Namespace, Name: name, UID: name, Created: s.now}
	if at := slices.IndexFunc(f.Pods, func(p *cluster.Pod) bool { return p.Name == name }); at >= 0 {
		p.UID, p.Created = f.Pods[at].UID, f.Pods[at].Created
	}
	addresses, words := addressesOf(words[1:])
	p.IPs = addresses
	f.Ancestors = without(f.Ancestors, func(a *cluster.Ancestor) bool { return a.UID == p.Name })
	for len(words) > 0 {
		words = s.readPod(f, p, words)
	}
	if p.HostNetwork {
		p.HostIPs = p.IPs
	}
	f.Pods = append(without(f.Pods, func(o *cluster.Pod) bool { return o.Name == name }), p)
	s.publish(f)
}

// readPod reads the first detail of a pod and returns the words behind it.
func (s *story) readPod(f *cluster.Facts, p *cluster.Pod, words []string) []string {
	s.t.Helper()
	switch words[0] {
	case "host":
		p.HostNetwork = true
		return words[1:]
	case "finished":
		p.Finished = true
		return words[1:]
	case "unresolved":
		f.Ancestors = append(f.Ancestors, &cluster.Ancestor{UID: p.Owner.UID, Unresolved: true})
		return words[1:]
	}
	value := words[1]
	switch words[0] {
	case "of":
		kind, name, _ := strings.Cut(value, "/")
		p.Owner = cluster.Owner{Kind: kind, Name: name, UID: p.Name}
	case "node":
		p.Node = value
	case "uid":
		p.UID = value
	case "static":
		p.Annotations = map[string]string{cluster.MirrorAnnotation: value}
	case "hostname":
		p.Hostname = value
	case "port":
		p.Ports = append(p.Ports, containerPortOf(s.t, value))
	case "made":
		p.Created = timeOf(s.t, value)
	case "ends":
		p.Ended = timeOf(s.t, value)
	default:
		s.t.Fatalf("pod %s: %q is not known", p.Name, words[0])
	}
	return words[2:]
}

func containerPortOf(t testing.TB, text string) cluster.ContainerPort {
	t.Helper()
	numbers, protocol := protocolOf(text)
	numbers, at, bound := strings.Cut(numbers, "@")
	own, onHost, asks := strings.Cut(numbers, ":")
	port := cluster.ContainerPort{Port: numberOf(t, own), Protocol: protocol}
	if bound {
		port.HostIP = netip.MustParseAddr(at)
	}
	if asks {
		port.HostPort = numberOf(t, onHost)
	}
	return port
}

// setService reads a Service. Behind its name are its ClusterIPs, and then
//
//	port 80>8080@30080/UDP   a port, its target port and its node port
//	at 203.0.113.9           an address of a load balancer
//	behind cart-0,cart-1     the pods behind it
//	unready cart-2           a pod behind it that is not ready
//	to 192.168.1.1           addresses behind it that belong to no pod
//	notyet 192.168.1.2       the same, not ready
//	legacy                   an Endpoints object says who is behind it, and no EndpointSlice
//	selecting                it has a selector
//	external www.example     it is of type ExternalName
//	made +3s                 when it was made; without it, when it came
func (s *story) setService(words []string) {
	s.t.Helper()
	f, name := s.space(words[0])
	service := &cluster.Service{Namespace: f.Namespace, Name: name, Type: cluster.ClusterIP, Created: s.now}
	if at := slices.IndexFunc(f.Services, func(o *cluster.Service) bool { return o.Name == name }); at >= 0 {
		service.Created = f.Services[at].Created
	}
	service.ClusterIPs, words = addressesOf(words[1:])
	slice := &cluster.EndpointSlice{Namespace: f.Namespace, Name: name + "-1", Service: name}
	legacy := slices.Contains(words, "legacy")
	for words = without(words, func(word string) bool { return word == "legacy" }); len(words) > 0; {
		words = s.readService(service, slice, words)
	}
	for _, p := range service.Ports {
		slice.Ports = append(slice.Ports, cluster.ServicePort{Name: p.Name, Port: p.TargetPort, Protocol: p.Protocol})
	}
	f.Services = append(without(f.Services, func(o *cluster.Service) bool { return o.Name == name }), service)
	f.Slices = without(f.Slices, func(e *cluster.EndpointSlice) bool { return e.Service == name })
	f.Endpoints = without(f.Endpoints, func(e *cluster.EndpointSlice) bool { return e.Service == name })
	if legacy {
		f.Endpoints = append(f.Endpoints, slice)
	} else {
		f.Slices = append(f.Slices, slice)
	}
	s.publish(f)
}

// readService reads the first detail of a Service and returns the words behind it.
func (s *story) readService(service *cluster.Service, slice *cluster.EndpointSlice, words []string) []string {
	s.t.Helper()
	if words[0] == "selecting" {
		service.Selector = map[string]string{"app": service.Name}
		return words[1:]
	}
	value := words[1]
	switch words[0] {
	case "port":
		service.Ports = append(service.Ports, servicePortOf(s.t, value))
	case "at":
		service.Type = cluster.LoadBalancer
		service.ExternalIPs = append(service.ExternalIPs, netip.MustParseAddr(value))
	case "behind", "unready":
		for pod := range strings.SplitSeq(value, ",") {
			slice.Endpoints = append(slice.Endpoints, cluster.Endpoint{Pod: pod, Ready: words[0] == "behind"})
		}
	case "to", "notyet":
		slice.Endpoints = append(slice.Endpoints, cluster.Endpoint{Addresses: []netip.Addr{netip.MustParseAddr(value)}, Ready: words[0] == "to"})
	case "external":
		service.Type, service.ExternalName = cluster.ExternalName, value
	case "made":
		service.Created = timeOf(s.t, value)
	default:
		s.t.Fatalf("service %s: %q is not known", service.Name, words[0])
	}
	return words[2:]
}

func servicePortOf(t testing.TB, text string) cluster.ServicePort {
	t.Helper()
	numbers, protocol := protocolOf(text)
	numbers, onNodes, _ := strings.Cut(numbers, "@")
	own, target, other := strings.Cut(numbers, ">")
	port := cluster.ServicePort{Port: numberOf(t, own), TargetPort: numberOf(t, own), Protocol: protocol}
	if other {
		port.TargetPort = numberOf(t, target)
	}
	if onNodes != "" {
		port.NodePort = numberOf(t, onNodes)
	}
	return port
}

func (s *story) setNode(words []string) {
	s.t.Helper()
	n := &cluster.Node{Name: words[0], Created: s.now}
	if before, known := s.snapshot.Node(n.Name); known {
		n.Created = before.Created
	}
	n.Addresses, words = addressesOf(words[1:])
	if len(words) > 0 {
		n.PodCIDRs = prefixesOf(s.t, words[1:])
	}
	s.nodes = append(without(s.nodes, func(o *cluster.Node) bool { return o.Name == n.Name }), n)
	s.snapshot = s.snapshot.WithNodes(s.nodes, s.now)
}

// addressesOf reads addresses as far as there are any, and returns the words behind them.
func addressesOf(words []string) (addresses []netip.Addr, rest []string) {
	for i, word := range words {
		addr, err := netip.ParseAddr(word)
		if err != nil {
			return addresses, words[i:]
		}
		addresses = append(addresses, addr)
	}
	return addresses, nil
}

func prefixesOf(t testing.TB, words []string) []netip.Prefix {
	t.Helper()
	var all []netip.Prefix
	for _, word := range words {
		prefix, err := netip.ParsePrefix(word)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, prefix)
	}
	return all
}

func protocolOf(text string) (rest string, protocol traffic.Protocol) {
	rest, named, _ := strings.Cut(text, "/")
	if named == "" {
		return rest, traffic.TCP
	}
	return rest, traffic.Protocol(named)
}

func numberOf(t testing.TB, text string) int32 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(n)
}
