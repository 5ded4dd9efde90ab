package cluster

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/portolan-io/portolan/internal/identity"
)

// Record says that somebody held an address, in a form that outlives the process: a pod, a Service or a node. It is
// comparable.
type Record struct {
	Addr   netip.Addr // invalid for a pod on the host network: it holds none, and its UID finds it
	Holder string     // who, for ever and at every restart the same; one of an address has one Record
	To     time.Time  // when it ended; zero while it is held
	Who    string     // what resolution needs of the holder, as only this package reads it
}

// Closed returns the record as it stands for whoever last looked at that moment: what was held then may have ended right
// after it, so it is not known to have been held for longer.
func (r Record) Closed(known time.Time) Record {
	if r.To.IsZero() || r.To.After(known) {
		r.To = known
	}
	return r
}

// The classes of holders, each the first part of Holder.
const (
	podHolder     = "pod"
	serviceHolder = "service"
	nodeHolder    = "node"
)

// podWho is what a Record keeps of a pod.
type podWho struct {
	Namespace   string            `json:"namespace"`
	Name        string            `json:"name"`
	Hostname    string            `json:"hostname,omitempty"`
	Node        string            `json:"node,omitempty"`
	HostNetwork bool              `json:"hostNetwork,omitempty"`
	Static      string            `json:"static,omitempty"` // UID on its node of a static pod
	Created     time.Time         `json:"created"`
	Workload    identity.Workload `json:"workload"`
	Unresolved  bool              `json:"unresolved,omitempty"`
	Missed      time.Time         `json:"missed,omitzero"` // see Lease
}

// serviceWho is what a Record keeps of a Service.
type serviceWho struct {
	Namespace string              `json:"namespace"`
	Name      string              `json:"name"`
	Type      ServiceType         `json:"type,omitempty"`
	Created   time.Time           `json:"created"`
	Border    bool                `json:"border,omitempty"`
	Ports     []ServicePort       `json:"ports,omitempty"`
	Behind    []identity.Workload `json:"behind,omitempty"`
}

// nodeWho is what a Record keeps of a node.
type nodeWho struct {
	Name string    `json:"name"`
	From time.Time `json:"from"`
}

// record returns the Record of a lease; without an address it is that of a pod on the host network.
func (l *Lease) record(addr netip.Addr) Record {
	return Record{Addr: addr, Holder: podHolder + "/" + l.Pod.UID, To: l.To, Who: written(podWho{
		Namespace: l.Pod.Namespace, Name: l.Pod.Name, Hostname: l.Pod.Hostname, Node: l.Pod.Node, HostNetwork: l.Pod.HostNetwork,
		Static: l.Pod.Annotations[MirrorAnnotation], Created: l.Pod.Created, Workload: l.Workload(), Unresolved: l.Unresolved(),
		Missed: l.missed,
	})}
}

func (f *Front) record(addr netip.Addr) Record {
	s := f.Service
	side := "inside"
	if f.Border {
		side = "border"
	}
	return Record{
		Addr: addr, To: f.To,
		Holder: strings.Join([]string{serviceHolder, side, s.Namespace, s.Name, s.Created.UTC().Format(time.RFC3339)}, "/"),
		Who: written(serviceWho{
			Namespace: s.Namespace, Name: s.Name, Type: s.Type, Created: s.Created, Border: f.Border, Ports: s.Ports, Behind: f.behind,
		}),
	}
}

func (h Host) record(addr netip.Addr) Record {
	return Record{
		Addr: addr, To: h.To, Holder: strings.Join([]string{nodeHolder, h.Node, h.From.UTC().Format(time.RFC3339)}, "/"),
		Who: written(nodeWho{Name: h.Node, From: h.From}),
	}
}

// written writes what always can be written: texts, numbers and times.
func written(who any) string {
	text, err := json.Marshal(who)
	if err != nil {
		return "" // a time after the year 9999: a reader refuses it
	}
	return string(text)
}

// lease reads what Lease.record wrote.
func (r Record) lease() (Lease, error) {
	who, err := readWho[podWho](r)
	if err != nil {
		return Lease{}, err
	}
	_, uid, _ := strings.Cut(r.Holder, "/")
	pod := &Pod{
		Namespace: who.Namespace, Name: who.Name, UID: uid, Hostname: who.Hostname, Node: who.Node, HostNetwork: who.HostNetwork,
		Created: who.Created, Ended: r.To, Finished: true,
	}
	if who.Static != "" {
		pod.Annotations = map[string]string{MirrorAnnotation: who.Static}
	}
	if r.Addr.IsValid() {
		pod.IPs = []netip.Addr{r.Addr}
	}
	of := &bearer{id: who.Workload, unresolved: who.Unresolved}
	return Lease{Tenant: Tenant{Pod: pod, of: of}, From: who.Created, To: r.To, missed: who.Missed}, nil
}

// front reads what Front.record wrote.
func (r Record) front() (Front, error) {
	who, err := readWho[serviceWho](r)
	if err != nil {
		return Front{}, err
	}
	service := &Service{Namespace: who.Namespace, Name: who.Name, Type: who.Type, Created: who.Created, Ports: who.Ports}
	return Front{Service: service, From: who.Created, To: r.To, Border: who.Border, behind: who.Behind}, nil
}

// host reads what Host.record wrote.
func (r Record) host() (Host, error) {
	who, err := readWho[nodeWho](r)
	return Host{Node: who.Name, From: who.From, To: r.To}, err
}

func readWho[T any](r Record) (who T, err error) {
	if err = json.Unmarshal([]byte(r.Who), &who); err != nil {
		err = fmt.Errorf("reading who held %s (%s): %w", r.Addr, r.Holder, err)
	}
	return who, err
}
