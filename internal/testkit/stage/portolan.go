package stage

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Install applies a kustomization of Portolan and waits until both roles are ready and the operator leads.
func (s Stage) Install(ctx context.Context, kustomization string) error {
	if err := s.Apply(ctx, kustomization); err != nil {
		return err
	}
	return s.Started(ctx)
}

// Started waits until both roles are ready and the operator leads.
func (s Stage) Started(ctx context.Context) error {
	if err := s.Ready(ctx, "portolan-system", "deployment/portolan-operator"); err != nil {
		return err
	}
	if err := s.Ready(ctx, "portolan-agent", "daemonset/portolan-agent"); err != nil {
		return err
	}
	return s.Leading(ctx)
}

// Leading waits until the newest operator pod holds the lease.
func (s Stage) Leading(ctx context.Context) error {
	return Until(ctx, func(ctx context.Context) (string, error) {
		pods, err := s.Get(ctx, "pods", "-n", "portolan-system", "-l", "app.kubernetes.io/component=operator",
			"--field-selector=status.phase=Running", "-o", "jsonpath={.items[*].metadata.name}")
		if err != nil {
			return "", err
		}
		holder, err := s.Get(ctx, "lease", "-n", "portolan-system", "portolan-operator", "--ignore-not-found",
			"-o", "jsonpath={.spec.holderIdentity}")
		if err != nil {
			return "", err
		}
		for pod := range strings.FieldsSeq(pods) {
			if strings.HasPrefix(holder, pod+"_") {
				return "", nil
			}
		}
		return fmt.Sprintf("no operator of %q leads: the lease is held by %q", pods, holder), nil
	})
}

// ShopWorkloads returns the workloads of the sample shop that roll out.
func ShopWorkloads() []string {
	return []string{
		"deployment/catalog", "statefulset/cart-store", "deployment/cart", "deployment/payment", "deployment/checkout",
		"deployment/frontend",
	}
}

// MapIsTrue waits until the map holds every true edge of the shop, and fails at once on one that is not true.
func (s Stage) MapIsTrue(ctx context.Context) error {
	want, err := s.ShopEdges()
	if err != nil {
		return err
	}
	want = append(want, clusterEdges()...)
	return Until(ctx, func(ctx context.Context) (string, error) {
		got, err := s.MappedEdges(ctx)
		if err != nil {
			return "", err
		}
		missing, extra := Compare(got, want)
		if len(extra) > 0 {
			return "", fmt.Errorf("the map has edges that are not true:\n  %s", Lines(extra))
		}
		if len(missing) > 0 {
			return fmt.Sprintf("%d of %d edges are mapped; missing:\n  %s", len(want)-len(missing), len(want), Lines(missing)), nil
		}
		return "", nil
	})
}

// ApplyFile applies a manifest from anywhere, as a person would: with kubectl apply -f.
func (s Stage) ApplyFile(ctx context.Context, path string) error {
	_, err := s.kubectl(ctx, "", "apply", "-f", path)
	return err
}

// DeleteFile deletes what a manifest from anywhere names.
func (s Stage) DeleteFile(ctx context.Context, path string) error {
	_, err := s.kubectl(ctx, "", "delete", "--ignore-not-found", "--wait", "-f", path)
	return err
}

// IntentsReady waits until every ClientIntents of a manifest is in force and ready.
func (s Stage) IntentsReady(ctx context.Context, path string) error {
	return Until(ctx, func(ctx context.Context) (string, error) {
		out, err := s.Get(ctx, "-f", path, "-o",
			`jsonpath={range .items[*]}{.metadata.name} {.status.mode} {.status.upToDate}{"\n"}{end}`)
		if err != nil {
			return "", err
		}
		if strings.TrimSpace(out) == "" {
			return "there is no ClientIntents in " + path, nil
		}
		for line := range strings.Lines(out) {
			if line = strings.TrimSpace(line); !strings.HasSuffix(line, " enforce true") {
				return "not in force yet: " + line, nil
			}
		}
		return "", nil
	})
}

// Uninstall removes Portolan as the README says: first what it wrote, while it is there to take it back, then itself.
func (s Stage) Uninstall(ctx context.Context, kustomization string) error {
	kinds := "clientintents.k8s.otterize.com,protectedservices.k8s.otterize.com,kafkaserverconfigs.k8s.otterize.com"
	if _, err := s.kubectl(ctx, "", "-n", "portolan-system", "set", "env", "deployment/portolan-operator", "PORTOLAN_WRITE_INTENTS=off"); err != nil {
		return err
	}
	if err := s.Ready(ctx, "portolan-system", "deployment/portolan-operator"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "", "delete", kinds, "--all", "-A", "--wait"); err != nil {
		return err
	}
	if err := s.nothingWritten(ctx); err != nil {
		return err
	}
	return s.Delete(ctx, kustomization)
}

// nothingWritten waits until the operator has taken back its policies and pod labels.
func (s Stage) nothingWritten(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return Until(ctx, func(ctx context.Context) (string, error) {
		left, err := s.Written(ctx)
		if err != nil || len(left) == 0 {
			return "", err
		}
		return "Portolan has not taken back yet: " + strings.Join(left, " "), nil
	})
}

// Written returns the policies and the labelled pods by which Portolan acts on the cluster.
func (s Stage) Written(ctx context.Context) ([]string, error) {
	policies, err := s.Get(ctx, "networkpolicies", "-A", "-l", "app.kubernetes.io/managed-by=portolan", "-o", "name")
	if err != nil {
		return nil, err
	}
	pods, err := s.Get(ctx, "pods", "-A", "-l", "portolan.dev/workload", "-o", "name")
	return append(strings.Fields(policies), strings.Fields(pods)...), err
}

// Leftovers returns every object in the cluster that Portolan brought or wrote.
func (s Stage) Leftovers(ctx context.Context) ([]string, error) {
	left, err := s.Written(ctx)
	if err != nil {
		return nil, err
	}
	kinds := "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,validatingadmissionpolicies," +
		"validatingadmissionpolicybindings"
	all, err := s.Get(ctx, kinds, "-o", "name")
	if err != nil {
		return nil, err
	}
	namespaced, err := s.Get(ctx, "roles,rolebindings,leases,configmaps,secrets", "-A", "-o", "name",
		"--field-selector=metadata.namespace!=kube-node-lease") // there each node has a lease of its own name
	if err != nil {
		return nil, err
	}
	for name := range strings.FieldsSeq(all + " " + namespaced) {
		if strings.Contains(name, "portolan") || strings.HasSuffix(name, ".k8s.otterize.com") {
			left = append(left, name)
		}
	}
	return left, nil
}

// Describe says what stands on the stage when a story has failed.
func (s Stage) Describe(failed bool, logf func(string, ...any)) {
	if !failed {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, args := range [][]string{
		{"get", "pods,networkpolicies,clientintents", "-A", "-o", "wide"},
		{"get", "clientintents", "-A", "-o", "yaml"},
		{"logs", "-n", "portolan-system", "deployment/portolan-operator", "--tail=80"},
		{"logs", "-n", "portolan-agent", "daemonset/portolan-agent", "--tail=40"},
	} {
		out, err := s.kubectl(ctx, "", args...)
		logf("kubectl %s:\n%s%v", strings.Join(args, " "), out, err)
	}
}
