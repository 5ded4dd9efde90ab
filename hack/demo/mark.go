package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// What the demo makes in a person's cluster carries its marks from the moment on that it exists. Only what carries them is the
// demo's, to change and to remove. Objects in a namespace that carries them go with it.
const (
	markLabel      = "portolan.dev/demo"    // the owner's id, on namespaces and on everything outside of them
	markAnnotation = "portolan.dev/demo-of" // the owner, for people
)

// clusterKinds are the kinds outside of namespaces that the demo brings.
const clusterKinds = "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings," +
	"validatingadmissionpolicies,validatingadmissionpolicybindings"

// object is one object outside of namespaces, and what its marks say.
type object struct {
	kind, name string
	demo       string // id of the owner; empty if it is not a demo's
	of         owner
}

func (o object) String() string { return strings.ToLower(o.kind) + "/" + o.name }

// bring applies a manifest of the repository with the demo's marks.
func (d *demo) bring(ctx context.Context, path string) error {
	marked, _, err := d.manifest(ctx, path)
	if err != nil {
		return err
	}
	_, err = d.stage.Feed(ctx, marked, "apply", "--server-side", "--force-conflicts", "-f", "-")
	return err
}

// manifest returns the objects of a manifest of the repository with the demo's marks, and those of them that are outside of namespaces.
func (d *demo) manifest(ctx context.Context, path string) (marked string, outside []object, err error) {
	text, err := d.stage.Render(ctx, path)
	if err != nil {
		return "", nil, err
	}
	annotated, err := d.stage.Feed(ctx, text, "annotate", "--local", "--overwrite", "-f", "-", "-o", "json",
		markAnnotation+"="+string(d.owner))
	if err != nil {
		return "", nil, err
	}
	return mark(annotated, d.owner)
}

// mark puts the label on the objects of a stream that are outside of namespaces, and returns them all as one list.
func mark(stream string, o owner) (list string, outside []object, err error) {
	var items []map[string]any
	for decoder := json.NewDecoder(strings.NewReader(stream)); ; {
		var item map[string]any
		decoder.UseNumber()
		if err := decoder.Decode(&item); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", nil, fmt.Errorf("reading a manifest: %w", err)
		}
		meta, _ := item["metadata"].(map[string]any)
		if meta == nil {
			return "", nil, errors.New("reading a manifest: an object has no metadata")
		}
		if meta["namespace"] == nil {
			labels, _ := meta["labels"].(map[string]any)
			labels = maps.Clone(labels)
			if labels == nil {
				labels = make(map[string]any)
			}
			labels[markLabel] = o.id()
			meta["labels"] = labels
			outside = append(outside, object{kind: fmt.Sprint(item["kind"]), name: fmt.Sprint(meta["name"]), demo: o.id(), of: o})
		}
		items = append(items, item)
	}
	var text bytes.Buffer
	err = json.NewEncoder(&text).Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	return text.String(), outside, err
}

// across returns every object of the cluster of the kinds that the demo brings.
func (d *demo) across(ctx context.Context) ([]object, error) {
	out, err := d.stage.Get(ctx, clusterKinds, "-o", `jsonpath={range .items[*]}{.kind}{"\t"}{.metadata.name}{"\t"}`+
		`{.metadata.labels.portolan\.dev/demo}{"\t"}{.metadata.annotations.portolan\.dev/demo-of}{"\n"}{end}`)
	if err != nil {
		return nil, err
	}
	return parseObjects(out), nil
}

func parseObjects(lines string) []object {
	var all []object
	for line := range strings.Lines(lines) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(f) == 4 {
			all = append(all, object{f[0], f[1], f[2], owner(f[3])})
		}
	}
	return all
}

// mine keeps the objects of this demo.
func (d *demo) mine(all []object) []object {
	return slices.DeleteFunc(slices.Clone(all), func(o object) bool { return o.demo != d.owner.id() })
}

// refuseStrangers keeps the demo away from what it did not make: objects of the names of its own, the kinds of Portolan or of the
// system that it succeeds, and what a Portolan wrote that is not the demo's.
func (d *demo) refuseStrangers(ctx context.Context) error {
	here, err := d.across(ctx)
	if err != nil {
		return err
	}
	var brought []object
	for _, path := range []string{kustomization, shop} {
		_, outside, err := d.manifest(ctx, path)
		if err != nil {
			return err
		}
		brought = append(brought, outside...)
	}
	found := strangers(here, brought, d.owner)
	if !slices.ContainsFunc(d.mine(here), object.isOperators) {
		written, err := d.stage.Written(ctx)
		if err != nil {
			return err
		}
		found = append(found, written...)
	}
	if len(found) > 0 {
		where, advice := fmt.Sprintf("context %q", d.stage.Context), "choose another cluster, or run CLUSTER=local make demo"
		if d.local {
			where, advice = "the local cluster", "take that away, or run make demo-down, which removes the cluster with all that is on it"
		}
		return fmt.Errorf("%s already has %s, which this demo did not make: %s", where, strings.Join(found, ", "), advice)
	}
	return nil
}

// isOperators reports whether the object is the namespace of the operator. Where that is the demo's, what the operator wrote is too.
func (o object) isOperators() bool { return o.kind == "Namespace" && o.name == "portolan-system" }

// strangers names the objects that the demo would meet and that are not its own.
func strangers(here, brought []object, mine owner) []string {
	var names []string
	for _, o := range here {
		meets := slices.ContainsFunc(brought, func(b object) bool { return b.String() == o.String() }) ||
			strings.HasSuffix(o.name, ".k8s.otterize.com")
		switch {
		case !meets || o.demo == mine.id():
		case o.demo != "":
			names = append(names, fmt.Sprintf("%s (of the demo of %s)", o, o.of))
		default:
			names = append(names, o.String())
		}
	}
	return names
}
