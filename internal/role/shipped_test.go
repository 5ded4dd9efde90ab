package role

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// right is one thing that may be done, or was done. It is comparable.
type right struct {
	namespace       string // of the Role that gives it; empty for a ClusterRole. Where it was done, the namespace of the request
	group, resource string // the resource with its subresource, as rules write it: pods/status
	name            string // the only object for which it is given; empty for every object
	verb            string
}

// String returns "patch pods" or "get leases.coordination.k8s.io portolan-operator in portolan-system".
func (r right) String() string {
	text := r.verb + " " + r.resource
	if r.group != "" {
		text += "." + r.group
	}
	if r.name != "" {
		text += " " + r.name
	}
	if r.namespace != "" {
		text += " in " + r.namespace
	}
	return text
}

// covers reports whether a right that is given allows what was done.
func (r right) covers(done right) bool {
	return (r.namespace == "" || r.namespace == done.namespace) && r.group == done.group && r.resource == done.resource &&
		(r.name == "" || r.name == done.name) && r.verb == done.verb
}

// needed reports whether something was done that r allows and no narrower right does. What is done to objects of Portolan's
// own namespaces alone is to be given in these, and for one object by its name.
func (r right) needed(done, given []right) bool {
	used, abroad := false, false
	names := make(map[string]bool)
	for _, d := range done {
		if r.covers(d) && !slices.ContainsFunc(given, func(g right) bool { return g.narrows(r) && g.covers(d) }) {
			used, abroad = true, abroad || !slices.Contains(ownNamespaces(), d.namespace)
			names[d.name] = true
		}
	}
	if abroad || !used {
		return used
	}
	return r.namespace != "" && (r.name != "" || names[""] || len(names) > 1)
}

func ownNamespaces() []string { return []string{"portolan-system", "portolan-agent"} }

// narrows reports whether r allows a part of what wide does.
func (r right) narrows(wide right) bool {
	same := r.group == wide.group && r.resource == wide.resource && r.verb == wide.verb
	return same && (wide.namespace == "" && r.namespace != "" || wide.name == "" && r.name != "")
}

// usage records the rights that requests use.
type usage struct {
	mu     sync.Mutex
	older  bool // the API server is to seem older: it does not stream lists
	used   map[right]bool
	denied []string
}

// age makes the API server seem older from now on.
func (u *usage) age() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.older = true
}

func (u *usage) streamsNoLists() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.older
}

// wrap makes a transport record what goes through it.
func (u *usage) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(request *http.Request) (*http.Response, error) {
		if u.streamsNoLists() && request.URL.Query().Get("sendInitialEvents") == "true" {
			return unprocessable(request), nil
		}
		response, err := next.RoundTrip(request)
		if err == nil {
			u.note(request, response.StatusCode)
		}
		return response, err
	})
}

// unprocessable is what an API server answers that cannot stream a list by a watch.
func unprocessable(request *http.Request) *http.Response {
	const body = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,"message":"sendInitialEvents is forbidden"}`
	return &http.Response{
		Status: "422 Unprocessable Entity", StatusCode: http.StatusUnprocessableEntity, Proto: request.Proto, Request: request,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (u *usage) note(request *http.Request, status int) {
	done, ok := rightOf(request)
	if !ok {
		return // discovery of what is served, open to everybody
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.used == nil {
		u.used = make(map[right]bool)
	}
	u.used[done] = true
	if request.Method == http.MethodPatch && status == http.StatusCreated { // for which the API server asks for both
		done.verb = "create"
		u.used[done] = true
	}
	if status == http.StatusForbidden {
		u.denied = append(u.denied, done.String())
	}
}

// refused returns the requests that were forbidden.
func (u *usage) refused() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.denied)
}

// all returns what was used.
func (u *usage) all() []right {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []right
	for r := range u.used {
		all = append(all, r)
	}
	return all
}

// rightOf returns the right that a request needs; false for one that is not about a resource.
//
// Source: Kubernetes, "Authorization Overview", determine the request verb.
func rightOf(request *http.Request) (right, bool) {
	path := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	var r right
	switch {
	case len(path) > 2 && path[0] == "api":
		path = path[2:]
	case len(path) > 3 && path[0] == "apis":
		r.group, path = path[1], path[3:]
	default:
		return right{}, false
	}
	if len(path) > 2 && path[0] == "namespaces" {
		r.namespace, path = path[1], path[2:]
	}
	r.resource = path[0]
	if len(path) > 1 {
		r.name = path[1]
	}
	if len(path) > 2 {
		r.resource += "/" + path[2]
	}
	r.verb = verbOf(request, r.name != "")
	return r, true
}

func verbOf(request *http.Request, named bool) string {
	switch {
	case request.Method == http.MethodGet && request.URL.Query().Get("watch") != "":
		return "watch"
	case request.Method == http.MethodGet && !named:
		return "list"
	case request.Method == http.MethodDelete && !named:
		return "deletecollection"
	default:
		return map[string]string{
			http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "update",
			http.MethodPatch: "patch", http.MethodDelete: "delete",
		}[request.Method]
	}
}

func TestRightOf(t *testing.T) {
	for line, want := range map[string]string{
		"GET /api/v1/pods?watch=true":            "watch pods",
		"GET /api/v1/namespaces":                 "list namespaces",
		"GET /api/v1/namespaces/kube-system":     "get namespaces kube-system",
		"PATCH /api/v1/namespaces/shop/pods/web": "patch pods web in shop",
		"DELETE /api/v1/namespaces/shop/pods":    "deletecollection pods in shop",
		"PATCH /apis/k8s.otterize.com/v2beta1/namespaces/shop/clientintents/web/status?fieldManager=x":     "patch clientintents/status.k8s.otterize.com web in shop",
		"POST /apis/authentication.k8s.io/v1/tokenreviews":                                                 "create tokenreviews.authentication.k8s.io",
		"PUT /apis/coordination.k8s.io/v1/namespaces/portolan-system/leases/portolan-operator?timeout=10s": "update leases.coordination.k8s.io portolan-operator in portolan-system",
		"GET /apis/apps/v1": "",
		"GET /version":      "",
	} {
		method, url, _ := strings.Cut(line, " ")
		request, err := http.NewRequestWithContext(t.Context(), method, "https://cluster"+url, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := rightOf(request)
		if ok != (want != "") || (ok && got.String() != want) {
			t.Errorf("%s needs %q, want %q", line, got, want)
		}
	}
}

// given returns the rights that manifests give, whoever they are bound to.
func given(t *testing.T, objects []*unstructured.Unstructured) []right {
	t.Helper()
	var all []right
	for _, o := range objects {
		var rules []rbacv1.PolicyRule
		switch o.GetKind() {
		case "Role", "ClusterRole":
			role := new(rbacv1.Role)
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, role); err != nil {
				t.Fatal(err)
			}
			rules = role.Rules
		}
		for _, rule := range rules {
			if len(rule.NonResourceURLs) > 0 {
				t.Errorf("%s %s allows the paths %v, and the operator asks for none", o.GetKind(), o.GetName(), rule.NonResourceURLs)
			}
			all = append(all, spelled(o.GetNamespace(), rule)...)
		}
	}
	return all
}

// TestTheOperatorIsBoundInTwoPlaces holds that the rights which are compared with what the operator does are those of all its
// roles: operator.yaml binds these, and owners.yaml a role that is empty until a person adds kinds to it.
func TestTheOperatorIsBoundInTwoPlaces(t *testing.T) {
	files, err := filepath.Glob("../../config/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	bound := 0
	for _, file := range files {
		name, err := filepath.Rel("../../config", file)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range manifests(t, name) {
			subjects, _, _ := unstructured.NestedSlice(o.Object, "subjects")
			for _, subject := range subjects {
				if account, _ := subject.(map[string]any); account["name"] != "portolan-operator" {
					continue
				}
				if bound++; name != "rbac/operator.yaml" && name != "rbac/owners.yaml" {
					t.Errorf("%s binds %s %s to the operator; rbac/operator.yaml is the place", name, o.GetKind(), o.GetName())
				}
			}
		}
	}
	if bound == 0 {
		t.Error("nothing is bound to the operator: does its ServiceAccount have another name?")
	}
}

// spelled returns every right that a rule gives.
func spelled(namespace string, rule rbacv1.PolicyRule) []right {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	var all []right
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, name := range names {
				for _, verb := range rule.Verbs {
					all = append(all, right{namespace: namespace, group: group, resource: resource, name: name, verb: verb})
				}
			}
		}
	}
	return all
}

// manifests reads every object of files below config.
func manifests(t *testing.T, files ...string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join("..", "..", "config", file))
		if err != nil {
			t.Fatal(err)
		}
		documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
		for {
			o := new(unstructured.Unstructured)
			err := documents.Decode(o)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(fmt.Errorf("reading %s: %w", file, err))
			}
			objects = append(objects, o)
		}
	}
	return objects
}
