package command

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	isReadyNow = corev1.ConditionTrue
	isNotReady = corev1.ConditionFalse
)

// TestReachingTheOperator asks an operator through the port-forward of a real API server, in every state in which an
// installation may be.
func TestReachingTheOperator(t *testing.T) {
	c := newCluster(t)
	c.allow(t, "cli", shippedRole(t)...)
	c.allow(t, "half", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"services", "pods"}, Verbs: []string{"get", "list"}})
	c.allow(t, "quarter", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"services"}, Verbs: []string{"get"}})
	const usual = usualNamespace + "/" + usualService
	installed := func(t *testing.T) {
		c.service(t, usualNamespace, usualService, true)
		c.pod(t, "a", c.operator, isReadyNow)
	}
	const list = "portolan list -n shop --since 2026-11-20T06:59:30Z"
	const listed = "checkout in namespace shop calls:\n  - coredns in namespace kube-system\nfrontend in namespace shop calls:\n" +
		"  - checkout in namespace shop\nreport in namespace shop calls:\n  - kubernetes in namespace default\n"
	good, bad := filepath.Join(t.TempDir(), "good"), filepath.Join(t.TempDir(), "bad")
	write(t, good, token)
	write(t, bad, "another")
	for _, tc := range []struct {
		name    string
		install func(*testing.T)
		line    string
		out     string
		err     string // begins standard error
		via     string // pods that were connected to, in order
	}{
		{"the labelled Service is found in any namespace", func(t *testing.T) {
			c.service(t, usualNamespace, "my-release-operator", true)
			c.pod(t, "a", c.operator, isReadyNow)
		}, list, listed, "", "a:9090"},
		{"a user with the Role that is shipped is enough", installed, list + " --as cli", listed, "", "a:9090"},
		{"a Service that is named needs no label", func(t *testing.T) {
			c.service(t, usualNamespace, "named", false)
			c.pod(t, "a", c.operator, isReadyNow)
		}, list + " --mapper-namespace portolan-system --mapper-service-name named", listed, "", "a:9090"},
		{"the usual Service without labels is found", func(t *testing.T) {
			c.service(t, usualNamespace, usualService, false)
			c.pod(t, "a", c.operator, isReadyNow)
		}, list, listed, "", "a:9090"},
		{
			"a reset asks for a token, which a certificate is not", installed, "portolan reset -n nowhere", "",
			"Error: resetting the map needs a bearer token, and the user of context \"test\" has none\nHint: make one with", "",
		},
		{"a reset goes through a tunnel with a token", installed, "portolan reset -n nowhere --token-file " + good, "", "", "a:9090"},
		{
			"a reset with another token is refused", installed, "portolan reset -n nowhere --token-file " + bad, "",
			"Error: operator answered 401: the token is not valid", "a:9090",
		},
		{"a port of the Service means the port behind it", installed, list + " --mapper-service-port 9443", listed, "", "a:9443"},
		{"a port that the Service has not is that of the pod", installed, list + " --mapper-service-port 7777", listed, "", "a:7777"},
		{"pods that are not ready are passed over", func(t *testing.T) {
			c.service(t, usualNamespace, usualService, true)
			c.pod(t, "a", "", isNotReady)
			c.pod(t, "b", c.operator, isReadyNow)
		}, list, listed, "", "b:9090"},
		{"where nothing answers the next pod is asked", func(t *testing.T) {
			c.service(t, usualNamespace, usualService, true)
			c.pod(t, "a", "127.0.0.1:1", isReadyNow)
			c.pod(t, "b", c.operator, isReadyNow)
		}, list + " --quiet", listed, "", "a:9090 b:9090"},
		{"of two operators each knows a part", func(t *testing.T) {
			c.service(t, usualNamespace, usualService, true)
			c.pod(t, "a", c.operator, isReadyNow)
			c.pod(t, "b", c.operator, isReadyNow)
			c.pod(t, "c", "", isNotReady)
		}, list, listed, "Note: 2 operators run, and each knows only what its agents told it: this is the map of one", "a:9090"},
		{"three pods are tried, and each is told", func(t *testing.T) {
			c.service(t, usualNamespace, usualService, true)
			for _, name := range []string{"a", "b", "c", "d"} {
				c.pod(t, name, "127.0.0.1:1", isReadyNow)
			}
		}, list, "", "Error: pod portolan-system/a cannot be asked: its port 9090 does not answer: connect: connection refused in pod a; pod portolan-system/b", "a:9090 b:9090 c:9090"},
		{"nothing is installed", func(*testing.T) {}, list, "", "Error: Portolan not found in context \"test\": no labelled Service in any namespace, no " + usual + "\nHint: install it with", ""},
		{"nothing is in the namespace that is named", installed, list + " --mapper-namespace elsewhere", "", "Error: Portolan not found in context \"test\": no labelled Service in namespace elsewhere, no elsewhere/portolan-operator\nHint: ", ""},
		{"nothing has the name that is given", installed, list + " --mapper-service-name other", "", "Error: Portolan not found in context \"test\": no Service portolan-system/other\n", ""},
		{"two are installed", func(t *testing.T) {
			installed(t)
			c.service(t, "elsewhere", "second", true)
		}, list, "", "Error: several Portolans found in context \"test\": elsewhere/second, " + usual + "\nHint: choose one with", ""},
		{"no pod is there", func(t *testing.T) { c.service(t, usualNamespace, usualService, true) }, list, "", "Error: " + usual + " has no ready pod (no pods)\nHint: kubectl -n portolan-system describe deploy/portolan-operator\n", ""},
		{"the pod crashes", func(t *testing.T) {
			c.service(t, usualNamespace, usualService, true)
			c.pod(t, "a", "", isNotReady)
		}, list, "", "Error: " + usual + " has no ready pod (1 pod, CrashLoopBackOff)\nHint: kubectl -n portolan-system logs deploy/portolan-operator --previous\n", ""},
		{"a user without any right", installed, list + " --as nobody", "", "Error: forbidden: user \"nobody\" may not get services in namespace portolan-system\nHint: bind Role portolan-cli to this user, or use --address\n", ""},
		{"a user who may not list pods", installed, list + " --as quarter", "", "Error: forbidden: user \"quarter\" may not list pods in namespace portolan-system\nHint: ", ""},
		{"a user who may not forward ports", installed, list + " --as half", "", "Error: forbidden: user \"half\" may not create pods/portforward in namespace portolan-system\nHint: ", ""},
		{"a proxy that knows no WebSocket gets SPDY", installed, list + " --kubeconfig " + c.withoutWebSocket(t), listed, "", "a:9090"},
		{"status counts the pods and looks for the CRDs", installed, "portolan status --no-headers", "agent      1/1   v1.4.0   100 % complete\noperator   1/1   v1.4.0   9 edges since", "", "a:9090"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			defer c.clear(t)
			tc.install(t)
			line := tc.line
			if !strings.Contains(line, "--kubeconfig") {
				line += " --kubeconfig " + c.kubeconfig
			}
			got := (&scene{}).run(t.Context(), line)
			if !strings.HasPrefix(got.out, tc.out) || !strings.HasPrefix(got.err, tc.err) || (got.code == exitDone) == strings.HasPrefix(tc.err, "Error") {
				t.Errorf("exit status %d\n%s%s", got.code, got.out, got.err)
			}
			if tc.err == "" && got.err != "" {
				t.Errorf("standard error: %s", got.err)
			}
			if via := strings.Join(slices.Compact(c.kubelet.connections()), " "); via != tc.via {
				t.Errorf("connected to %q, want %q", via, tc.via)
			}
		})
	}
}

// TestHintsAndReadmeInstallInOneWay holds what hints tell people to type against the README and the folders.
func TestHintsAndReadmeInstallInOneWay(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	must(t, err)
	if !strings.Contains(string(readme), "\n    "+installing+"config/default\n") || strings.Contains(string(readme), "kubectl apply -k") {
		t.Errorf("the README does not install with %q", installing)
	}
	for _, folder := range []string{"config/default", "config/crd"} {
		if _, err := os.Stat("../../" + folder + "/kustomization.yaml"); err != nil {
			t.Error(err)
		}
	}
}

func TestPodsAreTakenInOrderOfAge(t *testing.T) {
	pod := func(name string, age int, status corev1.ConditionStatus) corev1.Pod {
		p := corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}}}
		p.Name = name
		p.CreationTimestamp.Time = time.Unix(1_700_000_000, 0).AddDate(0, 0, -age)
		return p
	}
	leaving := pod("leaving", 9, isReadyNow)
	leaving.DeletionTimestamp = &leaving.CreationTimestamp
	var names []string
	for _, p := range oldestReady([]corev1.Pod{
		pod("young", 1, isReadyNow), pod("old", 5, isReadyNow), pod("starting", 7, isNotReady), leaving, {}, pod("older", 6, isReadyNow),
	}) {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff(names, []string{"older", "old", "young"}); diff != "" {
		t.Errorf("pods (-got +want):\n%s", diff)
	}
}

func TestATargetPortIsResolved(t *testing.T) {
	pod := corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{
		{Ports: []corev1.ContainerPort{{Name: "other", ContainerPort: 1}}}, {Ports: []corev1.ContainerPort{{Name: "queries", ContainerPort: 9091}}},
	}}}
	for name, tc := range map[string]struct {
		port corev1.ServicePort
		want int
	}{
		"a number":                 {corev1.ServicePort{Port: 80, TargetPort: intstr.Parse("8080")}, 8080},
		"a name":                   {corev1.ServicePort{Port: 80, TargetPort: intstr.Parse("queries")}, 9091},
		"a name that no pod has":   {corev1.ServicePort{Port: 80, TargetPort: intstr.Parse("nope")}, 80},
		"nothing":                  {corev1.ServicePort{Port: 80}, 80},
		"a port of another number": {corev1.ServicePort{Port: 81, TargetPort: intstr.Parse("8080")}, 80},
	} {
		t.Run(name, func(t *testing.T) {
			service := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{tc.port}}}
			if got := targetPort(service, pod, 80); got != tc.want {
				t.Errorf("port %d, want %d", got, tc.want)
			}
		})
	}
}
