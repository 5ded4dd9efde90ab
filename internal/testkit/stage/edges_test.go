package stage

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShopEdgesAllHavePorts(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	edges, err := Stage{Root: root}.ShopEdges()
	if err != nil || len(edges) != 10 {
		t.Fatalf("%d edges, %v", len(edges), err)
	}
	want := Edge{"shop/CronJob/report", "shop/Deployment/catalog", "8080/TCP"}
	if edges[0] != want || edges[0].String() != "shop/CronJob/report -> shop/Deployment/catalog 8080/TCP" {
		t.Errorf("the first edge is %q", edges[0])
	}
	for _, wrong := range []string{"a -> b", "a b 80/TCP", "a -> b 80"} {
		if _, err := parseEdges(wrong); err == nil {
			t.Errorf("line %q is taken for an edge", wrong)
		}
	}
}

func TestCompareEdges(t *testing.T) {
	const text = `{"edges": [
		{"client": {"namespace": "n", "kind": "K", "name": "a"}, "server": {"namespace": "n", "kind": "K", "name": "b"},
		 "uses": [{"kind": "connect", "protocol": "TCP", "port": 80}, {"kind": "connect", "protocol": "UDP", "port": 80}, {"kind": "lookup"}]},
		{"client": {"namespace": "n", "kind": "K", "name": "a"}, "server": {"name": "bank.example", "class": "internet"}, "uses": [{"kind": "lookup"}]},
		{"client": {"namespace": "n", "kind": "K", "name": "a"}, "server": {"name": "thief.example", "class": "internet"}, "uses": [{"kind": "lookup"}]},
		{"client": {"name": "10.0.0.1", "class": "private"}, "server": {"namespace": "default", "name": "kubernetes"}, "uses": [{"protocol": "TCP", "port": 443}]}]}`
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	want, err := parseEdges("n/K/a -> n/K/b 80/TCP\nn/K/a -> n/K/b 443/TCP\nn/K/a -> bank.example 80/TCP\n")
	if err != nil {
		t.Fatal(err)
	}
	missing, extra := Compare(edgesOf(d.mapped()), want)
	if diff := cmp.Diff(Lines(missing), "n/K/a -> bank.example 80/TCP\n  n/K/a -> n/K/b 443/TCP"); diff != "" {
		t.Errorf("missing (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(Lines(extra), "n/K/a -> n/K/b 80/UDP\n  n/K/a -> thief.example"); diff != "" {
		t.Errorf("extra (-got +want):\n%s", diff)
	}
}
