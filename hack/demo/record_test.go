package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhoseDemoTheLocalClusterIs tells the cases by what is on the host; no other cluster is reachable.
func TestWhoseDemoTheLocalClusterIs(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	const mine, other = `{"of": "here:/a"}`, `{"of": "here:/b"}`
	for name, tc := range map[string]struct {
		record  string // under /var/lib; none if empty
		cluster bool   // is there
		marker  string // in bin/demo; none if empty
		demoOf  owner
		up      string // why a demo on the local cluster is refused; it is not if empty
		down    string // why demo-down refuses; "local" if it removes the local cluster, "nothing" if it finds none
	}{
		"nothing is there":                             {"", false, "", "", "", "nothing"},
		"a demo of this checkout, with bin/ gone":      {mine, true, "", "", "", "local"},
		"a demo that ended before its cluster":         {mine, false, "", "", "", "local"},
		"a demo of another checkout":                   {other, true, "", "", "demo of here:/b", "DEMO_OF=here:/b make demo-down"},
		"a demo of another checkout, named":            {other, true, "", "here:/b", "", "local"},
		"the named demo is not there":                  {mine, true, "", "here:/b", "demo of here:/a", "demo of here:/a"},
		"a cluster that nobody recorded":               {"", true, "", "", "that no demo made", "that no demo made"},
		"a record that cannot be read":                 {"{", true, "", "", "reading", "reading"},
		"a demo is on the person's own cluster":        {"", false, `{"context": "x", "cluster": "y"}`, "", "remove it first with make demo-down", `no cluster answers in context "x"`},
		"a marker does not speak for another checkout": {"", false, `{"context": "x", "cluster": "y"}`, "here:/b", "remove it first", "nothing"},
	} {
		begin := func() *demo {
			folder := t.TempDir()
			d := &demo{
				root: folder, folder: folder, state: filepath.Join(folder, "state"), entry: filepath.Join(folder, "entry"),
				system: "linux", out: io.Discard, owner: "here:/a",
			}
			if tc.demoOf != "" {
				d.owner, d.another = tc.demoOf, true
			}
			for path, text := range map[string]string{d.recordFile(): tc.record, d.markerFile(): tc.marker, d.entry: strings.Repeat("x", map[bool]int{true: 1}[tc.cluster])} {
				if text != "" {
					write(t, path, text)
				}
			}
			return d
		}
		up := begin()
		up.local = true
		if err := up.settle(t.Context()); (err == nil) != (tc.up == "") || err != nil && !strings.Contains(err.Error(), tc.up) {
			t.Errorf("%s: up: %v, want %q", name, err, tc.up)
		}
		down := begin()
		err := down.recall(t.Context())
		switch {
		case err != nil && strings.Contains(err.Error(), tc.down):
		case err == nil && tc.down == "local" && down.local, err == nil && tc.down == "nothing" && down.nothing:
		default:
			t.Errorf("%s: down: %v, local %t, nothing %t, want %q", name, err, down.local, down.nothing, tc.down)
		}
	}
}

func TestTheLocalClusterNeedsLinux(t *testing.T) {
	t.Setenv("CLUSTER", "local")
	d := &demo{system: "darwin", out: io.Discard}
	if err := d.chooseCluster(t.Context()); err == nil || !strings.Contains(err.Error(), "the local cluster needs Linux, and this is darwin") {
		t.Errorf("the local cluster on a Mac: %v", err)
	}
}

func TestTheOwnerIsTheCheckoutWhateverItsNameIs(t *testing.T) {
	root := t.TempDir()
	of, err := ownerOf(root)
	if err != nil || !strings.HasSuffix(string(of), ":"+root) {
		t.Errorf("ownerOf(%s) = %q, %v", root, of, err)
	}
	if id := of.id(); len(id) != 16 || id == owner("here:/b").id() {
		t.Errorf("id = %q, want 16 characters of its own", id)
	}
	if _, err := ownerOf(filepath.Join(root, "gone")); err == nil {
		t.Error("a folder that is not there is a checkout")
	}
}
