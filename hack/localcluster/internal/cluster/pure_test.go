//go:build linux

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portolan-io/portolan/hack/localcluster/internal/plan"
)

// aPlan is the plan that the tests use.
func aPlan() plan.Plan {
	return plan.Plan{Name: "portolan", Dir: "/state", Range: netip.MustParsePrefix("10.85.0.0/16")}
}

func TestChooseRange(t *testing.T) {
	taken := []netip.Prefix{netip.MustParsePrefix("10.85.0.0/16"), netip.MustParsePrefix("192.168.1.0/24")}
	for name, tc := range map[string]struct{ wanted, want, fault string }{
		"none is wanted: the first free one": {"", "10.86.0.0/16", ""},
		"the wanted one is free":             {"10.90.0.0/16", "10.90.0.0/16", ""},
		"the wanted one is taken":            {"10.80.0.0/12", "", "already uses 10.85.0.0/16"},
		"a part of the wanted one is taken":  {"192.168.0.0/16", "", "choose another with --cidr"},
		"what is wanted is not a range":      {"many", "", "want an IPv4 range"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := chooseRange(tc.wanted, taken)
			if tc.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fault) {
					t.Errorf("chooseRange = %v, want an error with %q", err, tc.fault)
				}
				return
			}
			if err != nil || got.String() != tc.want {
				t.Errorf("chooseRange = %s, %v, want %s", got, err, tc.want)
			}
		})
	}
}

func TestAgree(t *testing.T) {
	for name, tc := range map[string]struct {
		options Options
		fault   string
	}{
		"nothing is said":          {Options{Name: "portolan"}, ""},
		"what is said is the case": {Options{Name: "portolan", Dir: "/state", Range: "10.85.0.0/16"}, ""},
		"another folder":           {Options{Name: "portolan", Dir: "/elsewhere"}, "exists in /state"},
		"another range":            {Options{Name: "portolan", Range: "10.86.0.0/16"}, "exists at 10.85.0.0/16"},
	} {
		t.Run(name, func(t *testing.T) {
			err := agree(tc.options, aPlan())
			if (err != nil) != (tc.fault != "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("agree = %v, want %q", err, tc.fault)
			}
		})
	}
}

func TestIdentitiesHaveTheirOwnFilesAndUsers(t *testing.T) {
	files, users := map[string]bool{}, map[string]bool{}
	for _, who := range identities(aPlan()) {
		if files[who.file] {
			t.Errorf("two identities have the file %s", who.file)
		}
		if who.kubeconfig && users[who.subject.User] {
			t.Errorf("two components are the user %s", who.subject.User)
		}
		files[who.file], users[who.subject.User] = true, users[who.subject.User] || who.kubeconfig
	}
}

func TestComponentsNameOnlyFilesThatAreMade(t *testing.T) {
	p := aPlan()
	made := []string{}
	for _, authority := range []string{clusterAuthority, etcdAuthority, proxyAuthority, "service-account"} {
		made = append(made, "/state/pki/"+authority+".crt", "/state/pki/"+authority+".key")
	}
	for _, who := range identities(p) {
		made = append(made, "/state/pki/"+who.file+".crt", "/state/pki/"+who.file+".key")
		if who.kubeconfig {
			made = append(made, "/state/config/"+who.file+".kubeconfig")
		}
	}
	c := &Cluster{}
	c.Plan = p
	files, err := c.configFiles()
	if err != nil {
		t.Fatal(err)
	}
	for name := range files {
		made = append(made, "/state/config/"+name)
	}
	for _, each := range append(controlPlane(p), clients(p)...) {
		for _, argument := range each.args {
			_, value, ok := strings.Cut(argument, "=")
			if !ok {
				value = argument
			}
			named := strings.HasPrefix(value, "/state/pki/") || strings.HasPrefix(value, "/state/config/")
			if named && !slices.Contains(made, value) {
				t.Errorf("%s names %s, which nothing makes", each.name, value)
			}
		}
	}
}

func TestAddonsAreWholeObjects(t *testing.T) {
	seen := map[string]bool{}
	for _, each := range addons(aPlan()) {
		text, err := json.Marshal(each.object)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			APIVersion, Kind string
			Metadata         struct{ Name, Namespace string }
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if got.APIVersion == "" || got.Kind == "" || !strings.HasSuffix(each.path, "/"+got.Metadata.Name) || seen[each.path] {
			t.Errorf("addon %s is %+v", each.path, got)
		}
		if ns := got.Metadata.Namespace; ns != "" && !strings.Contains(each.path, "/namespaces/"+ns+"/") {
			t.Errorf("addon %s is in namespace %s", each.path, ns)
		}
		seen[each.path] = true
	}
}

func TestReservedNamesLeadToTheHost(t *testing.T) {
	if got, want := corefile(aPlan()), `answer "{{ .Name }} 30 IN A 10.85.192.1"`; !strings.Contains(got, want) {
		t.Errorf("the Corefile lacks %q:\n%s", want, got)
	}
}

func TestUntilRepeatsAndSaysWhyItGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		if err := until(t.Context(), func(context.Context) error {
			if attempts++; attempts < 3 {
				return errors.New("not yet")
			}
			return nil
		}); err != nil || attempts != 3 {
			t.Errorf("until = %v after %d attempts, want nil after 3", err, attempts)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("not up after 1m0s"))
		defer cancel()
		err := until(ctx, func(context.Context) error { return errors.New("the node is not ready") })
		if err == nil || err.Error() != "not up after 1m0s; at the last attempt: the node is not ready" {
			t.Errorf("until = %v", err)
		}
	})
}

func TestAPISaysWhatTheServerAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/forbidden" {
			http.Error(w, "no such right", http.StatusForbidden)
			return
		}
		if got, want := r.URL.RawQuery, "fieldManager=localcluster&force=true"; r.Method == http.MethodPatch && got != want {
			t.Errorf("query = %q, want %q", got, want)
		}
		_, _ = w.Write([]byte(`{"name":"x"}`))
	}))
	defer server.Close()
	a := &api{server: server.URL, client: server.Client()}
	defer a.close()
	var got struct{ Name string }
	if err := a.get(t.Context(), "/thing", &got); err != nil || got.Name != "x" {
		t.Errorf("get = %v, %+v", err, got)
	}
	if err := a.apply(t.Context(), "/thing", got); err != nil {
		t.Errorf("apply = %v", err)
	}
	if err := a.get(t.Context(), "/forbidden", nil); err == nil || !strings.Contains(err.Error(), "403 Forbidden: no such right") {
		t.Errorf("get = %v", err)
	}
}

func TestStateFolderWithForeignFilesIsRefused(t *testing.T) {
	folder := t.TempDir()
	if err := refuseContent(folder); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	if err := refuseContent(folder + "/missing"); err != nil {
		t.Errorf("a missing folder: %v", err)
	}
	if err := write(folder+"/precious", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := refuseContent(folder); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("a folder with a file: %v", err)
	}
}
