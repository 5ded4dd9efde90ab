package trim_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
	"github.com/portolan-io/portolan/internal/identity"
)

const shop = `
# Files of people: no UIDs, no statuses but where an address matters.
apiVersion: apps/v1
kind: Deployment
metadata: {name: checkout, namespace: shop}
spec:
  selector: {matchLabels: {app: checkout}}
  template:
    metadata: {labels: {app: checkout}}
    spec: {serviceAccountName: till, containers: [{name: main, image: shop/checkout:1}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: checkout-5d4
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: checkout, uid: "", controller: true}]
spec:
  selector: {matchLabels: {app: checkout, pod-template-hash: 5d4}}
  template: {metadata: {labels: {app: checkout, pod-template-hash: 5d4}}, spec: {containers: []}}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata:
    name: checkout-5d4-a
    namespace: shop
    labels: {app: checkout, pod-template-hash: 5d4}
    ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: checkout-5d4, uid: "", controller: true}]
  spec: {nodeName: n1, containers: [{name: main, ports: [{name: http, containerPort: 8080}]}]}
  status: {phase: Running, podIPs: [{ip: 10.1.0.7}, {ip: "fd00::7"}]}
---
apiVersion: v1
kind: Service
metadata: {name: checkout, namespace: shop}
spec: {clusterIPs: [10.96.0.7], selector: {app: checkout}, ports: [{port: 80, targetPort: http}, {port: 53, protocol: UDP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: checkout-x, namespace: shop, labels: {kubernetes.io/service-name: checkout}}
addressType: IPv4
endpoints: [{addresses: [10.1.0.7], targetRef: {kind: Pod, name: checkout-5d4-a}}]
ports: [{name: "", port: 8080}]
---
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.1.0.0/24]}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: Hostname, address: n1}]}
---
apiVersion: k8s.otterize.com/v2alpha1
kind: ClientIntents
metadata: {name: checkout, namespace: shop}
spec: {workload: {name: checkout, kind: Deployment}, targets: [{kubernetes: {name: payments.pay}}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: not-ours, namespace: shop}
`

func TestFromObjectsReadsTheFilesOfPeople(t *testing.T) {
	got := snapshot(t, shop)
	checkout := identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "checkout"}

	space, known := got.Space("shop")
	if !known {
		t.Fatal("namespace shop is not there")
	}
	if diff := cmp.Diff(space.Labels, map[string]string{"kubernetes.io/metadata.name": "shop"}); diff != "" {
		t.Errorf("labels of the namespace (-got +want):\n%s", diff)
	}
	workload, known := got.Workload(checkout)
	if !known {
		t.Fatalf("%s is not there, only %v", checkout, space.Workloads())
	}
	if diff := cmp.Diff(workload.OwnLabels, map[string]string{"app": "checkout"}); diff != "" {
		t.Errorf("own labels (-got +want):\n%s", diff)
	}
	if len(workload.Pods) != 1 || workload.Pods[0].Name != "checkout-5d4-a" || workload.Controllers[0].ServiceAccount != "till" {
		t.Errorf("workload = %+v, want one pod and the account till", workload)
	}
	for _, addr := range []string{"10.1.0.7", "fd00::7"} {
		leases := got.Leases(netip.MustParseAddr(addr))
		if len(leases) != 1 || leases[0].Workload() != checkout || !leases[0].Held(time.Unix(0, 0)) {
			t.Errorf("leases of %s = %+v, want one of %s", addr, leases, checkout)
		}
	}
	service, known := got.ServiceAt(netip.MustParseAddr("10.96.0.7"))
	if !known {
		t.Fatal("nothing is at the ClusterIP")
	}
	if diff := cmp.Diff(service.Ports, []cluster.ServicePort{
		{Port: 80, TargetName: "http", Protocol: "TCP"}, {Port: 53, TargetPort: 53, Protocol: "UDP"},
	}); diff != "" {
		t.Errorf("ports (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(space.Behind("checkout"), []identity.Workload{checkout}); diff != "" {
		t.Errorf("behind the Service (-got +want):\n%s", diff)
	}
	if got := space.IntentsNaming(cluster.Ref{Namespace: "pay", Name: "payments"}); len(got) != 1 {
		t.Errorf("intents naming payments.pay = %v, want one", got)
	}
	if !got.IsHost(netip.MustParseAddr("192.0.2.1")) {
		t.Error("192.0.2.1 is not known as a node's address")
	}
}

func TestFromObjectsInventsNoPods(t *testing.T) {
	got := snapshot(t, `
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {schedule: "@daily", jobTemplate: {spec: {template: {metadata: {labels: {job: nightly}}, spec: {containers: []}}}}}
`)
	workload, known := got.Workload(identity.Workload{Namespace: "default", Kind: "CronJob", Name: "nightly"})
	if !known || len(workload.Pods) != 0 {
		t.Fatalf("workload = %+v, known = %v, want one without pods", workload, known)
	}
	if diff := cmp.Diff(workload.OwnLabels, map[string]string{"job": "nightly"}); diff != "" {
		t.Errorf("own labels (-got +want):\n%s", diff)
	}
}

func TestWrongObjectsAreRefusedWithTheirName(t *testing.T) {
	for name, tc := range map[string]struct{ file, want string }{
		"an object given twice": {
			"{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop}}\n---\n{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop}}",
			"Service shop/a is given twice",
		},
		"an object without a name":  {"{apiVersion: v1, kind: Pod, metadata: {namespace: shop}}", "a Pod has no metadata.name"},
		"an address that is none":   {"{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop}, status: {podIPs: [{ip: 10.0.0.300}]}}", `pod shop/a: status.podIPs: "10.0.0.300" is not an IP address`},
		"a misspelt field":          {"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {nodename: n}}", `document 1: reading an object: strict decoding error: unknown field "spec.nodename"`},
		"a misspelt kind":           {"{apiVersion: apps/v1, kind: Deploymnet, metadata: {name: a}}", `no kind "Deploymnet" is registered`},
		"a document without a kind": {"# fine\n---\nmetadata: {name: a}", "document 2: reading an object: Object 'Kind' is missing"},
		"text that is no object":    {"hello", "document 1: reading apiVersion and kind: "},
		"broken YAML":               {"a: [", "document 1: reading YAML: "},
		"a list inside a list":      {"{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: List, items: []}]}", "item 1: a list inside a list is not read"},
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := trim.Decode([]byte(tc.file))
			if err == nil {
				_, err = trim.FromObjects(objects)
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v, want one with %q", err, tc.want)
			}
		})
	}
}

func snapshot(t *testing.T, file string) *cluster.Snapshot {
	t.Helper()
	objects, err := trim.Decode([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	got, err := trim.FromObjects(objects)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
