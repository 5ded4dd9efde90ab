package role

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/controllers"
	"github.com/portolan-io/portolan/internal/testkit"
	"github.com/portolan-io/portolan/internal/trust"
)

const operatorUser = "system:serviceaccount:portolan-system:portolan-operator"

// rightsCluster is a control plane, an administrator's client of it, and what the operator uses.
type rightsCluster struct {
	*testing.T
	client.Client
	config  *rest.Config
	usage   usage
	options OperatorOptions
}

func newRightsCluster(t *testing.T) *rightsCluster {
	t.Helper()
	config := testkit.ControlPlane(t)
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v2beta1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	api, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	o := DefaultOperatorOptions("test")
	o.WriteIntents, o.Egress = string(controllers.WriteApply), true
	o.Listen, o.Query, o.Health, o.Metrics = freeAddress(t), freeAddress(t), "", ""
	o.Store = filepath.Join(t.TempDir(), "map.db")
	c := &rightsCluster{T: t, Client: api, config: config, options: o}
	for _, name := range []string{o.Namespace, o.AgentNamespace, "shop"} {
		c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	return c
}

// freeAddress returns an address of this machine where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// as returns a configuration with the rights of the operator.
func (c *rightsCluster) as() *rest.Config {
	config := rest.CopyConfig(c.config)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: operatorUser,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:portolan-system", "system:authenticated"},
	}
	return config
}

// start runs the operator until the function that it returns is called.
func (c *rightsCluster) start() (stop func()) {
	c.Helper()
	config := c.as()
	config.Wrap(c.usage.wrap)
	ctx, cancel := context.WithCancel(c.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := RunOperator(ctx, config, c.options, slog.New(slog.DiscardHandler)); err != nil && ctx.Err() == nil {
			c.Errorf("the operator ended: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	c.Cleanup(stop)
	return stop
}

func (c *rightsCluster) install(files ...string) {
	c.Helper()
	for _, o := range manifests(c.T, files...) {
		c.create(o)
	}
}

func (c *rightsCluster) create(objects ...client.Object) {
	c.Helper()
	for _, o := range objects {
		c.must(c.Create(c.Context(), o))
	}
}

func (c *rightsCluster) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// eventually waits until check returns nil.
func (c *rightsCluster) eventually(what string, check func() error) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			c.Fatalf("%s: %v; forbidden: %v", what, err, c.usage.refused())
		case <-tick.C:
		}
	}
}

// exists waits for an object.
func (c *rightsCluster) exists(o client.Object) {
	c.Helper()
	c.eventually(fmt.Sprintf("waiting for %T %s", o, o.GetName()), func() error {
		return c.Get(c.Context(), client.ObjectKeyFromObject(o), o)
	})
}

// gone waits for the end of an object.
func (c *rightsCluster) gone(o client.Object) {
	c.Helper()
	c.eventually(fmt.Sprintf("waiting for the end of %T %s", o, o.GetName()), func() error {
		err := c.Get(c.Context(), client.ObjectKeyFromObject(o), o)
		if err == nil {
			return errors.New("it is there")
		}
		return client.IgnoreNotFound(err)
	})
}

// pod makes a pod of the shop that has that address.
func (c *rightsCluster) pod(name, address string, labels map[string]string) *corev1.Pod {
	c.Helper()
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
	c.create(p)
	p.Status.Phase, p.Status.PodIP, p.Status.PodIPs = corev1.PodRunning, address, []corev1.PodIP{{IP: address}}
	c.must(c.Status().Update(c.Context(), p))
	return p
}

// callsOf returns ClientIntents of one pod of the shop for another.
func callsOf(name, server string) *v2beta1.ClientIntents {
	return &v2beta1.ClientIntents{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec: v2beta1.ClientIntentsSpec{
			Workload: v2beta1.WorkloadReference{Name: name, Kind: "Pod"},
			Targets:  []v2beta1.Target{{Kubernetes: &v2beta1.KubernetesTarget{Name: server, Kind: "Pod"}}},
		},
	}
}

func policyFor(server string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "portolan-" + server + "-pod"}}
}

// ready returns nil if the condition Ready of an object has that reason.
func (c *rightsCluster) ready(o client.Object, conditions func() []metav1.Condition, reason string) error {
	if err := c.Get(c.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		return err
	}
	if ready := meta.FindStatusCondition(conditions(), v2beta1.ConditionReady); ready == nil || ready.Reason != reason {
		return fmt.Errorf("conditions are %v", conditions())
	}
	return nil
}

// event waits for an event; an empty namespace means that of the shop.
func (c *rightsCluster) event(namespace, kind, name, reason string) {
	c.Helper()
	if namespace == "" {
		namespace = "shop"
	}
	c.eventually("waiting for event "+reason, func() error {
		var list corev1.EventList
		if err := c.List(c.Context(), &list, client.InNamespace(namespace)); err != nil {
			return err
		}
		isIt := func(e corev1.Event) bool {
			return e.InvolvedObject.Kind == kind && e.InvolvedObject.Name == name && e.Reason == reason
		}
		if !slices.ContainsFunc(list.Items, isIt) {
			return fmt.Errorf("it is not among %d", len(list.Items))
		}
		return nil
	})
}

func (c *rightsCluster) file(name, text string) string {
	c.Helper()
	path := filepath.Join(c.TempDir(), name)
	c.must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// authority returns what agents trust, once the operator has published it.
func (c *rightsCluster) authority() string {
	c.Helper()
	published := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.options.AgentNamespace, Name: trust.ConfigMapName}}
	c.exists(published)
	return published.Data["ca.crt"]
}

func (c *rightsCluster) token(account *corev1.ServiceAccount, spec authenticationv1.TokenRequestSpec) string {
	c.Helper()
	set, err := kubernetes.NewForConfig(c.config)
	c.must(err)
	answer, err := set.CoreV1().ServiceAccounts(account.Namespace).
		CreateToken(c.Context(), account.Name, &authenticationv1.TokenRequest{Spec: spec}, metav1.CreateOptions{})
	c.must(err)
	return answer.Status.Token
}

func (c *rightsCluster) trust() []client.Object {
	return []client.Object{
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.options.Namespace, Name: trust.SecretName}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.options.AgentNamespace, Name: trust.ConfigMapName}},
	}
}

// mended reports whether a Secret or ConfigMap holds a certificate.
func mended(o client.Object) bool {
	text := ""
	switch o := o.(type) {
	case *corev1.Secret:
		text = string(o.Data["ca.crt"])
	case *corev1.ConfigMap:
		text = o.Data["ca.crt"]
	}
	return x509.NewCertPool().AppendCertsFromPEM([]byte(text))
}
