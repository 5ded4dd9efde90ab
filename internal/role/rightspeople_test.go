package role

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/wire"
)

// person makes a ServiceAccount with one of the ClusterRoles for people.
func (c *rightsCluster) person(name, role string) *corev1.ServiceAccount {
	c.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	c.create(account, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "shop", Name: name}},
	})
	return account
}

// people has somebody read the map with a token, and somebody else reset a part of it that is empty.
func (c *rightsCluster) people() {
	c.Helper()
	c.install("rbac/people.yaml")
	reader, resetter := c.person("reader", "portolan-map-reader"), c.person("resetter", "portolan-map-resetter")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(c.authority()))
	http := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}}
	defer http.CloseIdleConnections()
	as := func(account *corev1.ServiceAccount, audiences ...string) *query.Client {
		return query.NewClient(http, "https://"+c.options.Listen, c.token(account, authenticationv1.TokenRequestSpec{Audiences: audiences}))
	}
	c.eventually("asking for the status", func() error {
		status, err := as(reader).Status(c.Context())
		if err == nil && !status.Leading {
			c.Errorf("status = %+v, want that it leads", status)
		}
		return err
	})
	c.eventually("resetting", func() error {
		_, err := as(resetter).Reset(c.Context(), []string{"nowhere"})
		return err
	})
	throughTunnel := query.NewClient(http, "http://"+c.options.Query, "")
	_, readerResets := as(reader).Reset(c.Context(), nil)
	_, resetterReads := as(resetter).Status(c.Context())
	_, anybodyResets := throughTunnel.Reset(c.Context(), nil)
	_, agentReads := as(reader, wire.Audience).Status(c.Context())
	for who, tc := range map[string]struct {
		err  error
		want string
	}{
		"who may read and resets":                          {readerResets, "may not delete graphs.portolan.dev; bind the ClusterRole portolan-map-resetter to it (user system:serviceaccount:shop:reader)"},
		"who may reset and reads":                          {resetterReads, "may not get graphs.portolan.dev; bind the ClusterRole portolan-map-reader to it (user system:serviceaccount:shop:resetter)"},
		"who comes through a port-forward without a token": {anybodyResets, "operator answered 401: a bearer token is missing"},
		"who has a token for the agents' audience":         {agentReads, `it is for ["portolan"]`},
	} {
		if tc.err == nil || !strings.Contains(tc.err.Error(), tc.want) {
			c.Errorf("%s is told %v, want %q", who, tc.err, tc.want)
		}
	}
}

// cleared has somebody reset the map through a port-forward.
func (c *rightsCluster) cleared() {
	c.Helper()
	resetter := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "resetter"}}
	asked := query.NewClient(&http.Client{}, "http://"+c.options.Query, c.token(resetter, authenticationv1.TokenRequestSpec{}))
	edges, err := asked.Reset(c.Context(), []string{"shop"})
	c.must(err)
	_, left, err := asked.Edges(c.Context(), graph.Filter{Namespaces: []string{"shop"}})
	c.must(err)
	if edges != 1 || len(left) != 0 {
		c.Errorf("%d edges are cleared and %d left, want the one gone", edges, len(left))
	}
}
