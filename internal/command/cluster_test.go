package command

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/testkit"
)

// cluster is a real API server, with one node whose kubelet only forwards ports, and an operator behind it.
type cluster struct {
	config     *rest.Config
	clients    *kubernetes.Clientset
	kubelet    *kubelet
	operator   string // address of a query handler
	kubeconfig string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	config := testkit.ControlPlane(t)
	clients, err := kubernetes.NewForConfig(config)
	must(t, err)
	from := operatorOf(t, shop(t))
	from.status = healthy()
	operator := httptest.NewServer(query.NewHandler(from, query.Doorkeepers{Clearers: tokens{}}, slog.New(slog.DiscardHandler)))
	t.Cleanup(operator.Close)
	c := &cluster{config: config, clients: clients, kubelet: newKubelet(t), operator: operator.Listener.Addr().String()}
	c.kubeconfig = writeKubeconfig(t, &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData},
		&clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData})
	c.addNode(t)
	for _, name := range []string{usualNamespace, "elsewhere"} {
		_, err := clients.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		must(t, err)
	}
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func writeKubeconfig(t *testing.T, server *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": server},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": user},
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "test",
	}, path))
	return path
}

func (c *cluster) addNode(t *testing.T) {
	t.Helper()
	node, err := c.clients.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}, metav1.CreateOptions{})
	must(t, err)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = c.kubelet.port(t)
	_, err = c.clients.CoreV1().Nodes().UpdateStatus(t.Context(), node, metav1.UpdateOptions{})
	must(t, err)
}

// service makes a Service that selects the operator's pods, as config/operator has it, under any name.
func (c *cluster) service(t *testing.T, namespace, name string, labelled bool) {
	t.Helper()
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app.kubernetes.io/name": usualService},
			Ports:    []corev1.ServicePort{{Name: "agents", Port: 9443}},
		},
	}
	if labelled {
		service.Labels = map[string]string{"app.kubernetes.io/part-of": "portolan", "app.kubernetes.io/component": "operator"}
	}
	_, err := c.clients.CoreV1().Services(namespace).Create(t.Context(), service, metav1.CreateOptions{})
	must(t, err)
}

// pod makes a pod of the operator in a state. address is what answers on its port; empty where nothing does.
func (c *cluster) pod(t *testing.T, name, address string, ready corev1.ConditionStatus) {
	t.Helper()
	pods := c.clients.CoreV1().Pods(usualNamespace)
	pod, err := pods.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app.kubernetes.io/name": usualService}},
		Spec:       corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: "operator", Image: "portolan"}}},
	}, metav1.CreateOptions{})
	must(t, err)
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	if ready != corev1.ConditionTrue {
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "operator", RestartCount: 3, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		}}
	}
	_, err = pods.UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
	must(t, err)
	c.kubelet.put(name, address)
}

// clear removes the operator's Services and pods.
func (c *cluster) clear(t *testing.T) {
	t.Helper()
	now := int64(0)
	gone := metav1.DeleteOptions{GracePeriodSeconds: &now}
	for _, namespace := range []string{usualNamespace, "elsewhere"} {
		services, err := c.clients.CoreV1().Services(namespace).List(t.Context(), metav1.ListOptions{})
		must(t, err)
		for _, s := range services.Items {
			must(t, c.clients.CoreV1().Services(namespace).Delete(t.Context(), s.Name, gone))
		}
		must(t, c.clients.CoreV1().Pods(namespace).DeleteCollection(t.Context(), gone, metav1.ListOptions{}))
	}
	c.kubelet.connections()
}

// allow gives a user the rules of a Role in the operator's namespace.
func (c *cluster) allow(t *testing.T, user string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: rules}
	_, err := c.clients.RbacV1().Roles(usualNamespace).Create(t.Context(), role, metav1.CreateOptions{})
	must(t, err)
	_, err = c.clients.RbacV1().RoleBindings(usualNamespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: user, APIGroup: rbacv1.GroupName}},
		RoleRef:    rbacv1.RoleRef{Kind: "Role", Name: user, APIGroup: rbacv1.GroupName},
	}, metav1.CreateOptions{})
	must(t, err)
}

// shippedRole returns the rules of the Role portolan-cli as config/rbac ships it.
func shippedRole(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	text, err := os.ReadFile("../../config/rbac/people.yaml")
	must(t, err)
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var role rbacv1.Role
		must(t, yaml.Unmarshal([]byte(document), &role))
		if role.Kind == "Role" && role.Name == "portolan-cli" {
			return role.Rules
		}
	}
	t.Fatal("config/rbac/people.yaml has no Role portolan-cli")
	return nil
}

// withoutWebSocket returns a kubeconfig for a proxy before the API server that knows no WebSocket.
func (c *cluster) withoutWebSocket(t *testing.T) string {
	t.Helper()
	at, err := url.Parse(c.config.Host)
	must(t, err)
	config := rest.CopyConfig(c.config)
	config.NextProtos = []string{"http/1.1"}
	through, err := rest.TransportFor(config)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(at)
	proxy.Transport = through
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			http.Error(w, "no WebSocket here", http.StatusBadRequest)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.CloseClientConnections)
	return writeKubeconfig(t, &clientcmdapi.Cluster{Server: server.URL, InsecureSkipTLSVerify: true}, &clientcmdapi.AuthInfo{})
}

// healthy is the status of an operator that is well.
func healthy() query.Status {
	at := time.Now()
	return query.Status{
		Version: version, Started: at.Add(-time.Hour), Edges: 9, Synced: true, Leading: true, Nodes: []string{"n1"}, Intents: 3,
		Agents: []query.Agent{{Node: "n1", Pod: "portolan-agent-x", Version: version, LastSeen: at, Acknowledged: 100}},
	}
}
