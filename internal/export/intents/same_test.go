package intents

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/api/v2beta1"
)

func TestSame(t *testing.T) {
	objects := From(parseEdges(t, `
shop/Deployment/checkout -> shop/Deployment/cart 80/TCP
shop/Deployment/checkout -> pay/Deployment/payment 80/TCP
shop/Deployment/cart -> shop/StatefulSet/cart-store 6379/TCP`), Options{})
	var text, list bytes.Buffer
	if err := Marshal(&text, objects, sampleHeader()); err != nil {
		t.Fatal(err)
	}
	if err := MarshalJSON(&list, objects); err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(text.String(), "---\n")
	for name, tc := range map[string]struct {
		text string
		want bool
	}{
		"the same bytes":                      {text.String(), true},
		"the JSON form":                       {list.String(), true},
		"another order":                       {second + "---\n" + first, true},
		"another header":                      {strings.Replace(text.String(), "v1.4.0", "v1.5.0", 1), true},
		"a comment and a label of a person":   {strings.Replace(text.String(), "  namespace: shop", "  namespace: shop # ours\n  labels: {team: a}", 1), true},
		"an empty document at the end":        {text.String() + "---\n", true},
		"one object less":                     {first, false},
		"one object twice":                    {text.String() + "---\n" + first, false},
		"another target":                      {strings.Replace(text.String(), "name: cart-store", "name: store", 1), false},
		"another kind":                        {strings.Replace(text.String(), "kind: StatefulSet", "kind: Deployment", 1), false},
		"an older version of the API":         {strings.Replace(text.String(), "v2beta1", "v2alpha1", 1), false},
		"a field that this version has not":   {strings.Replace(text.String(), "  targets:", "  more: 1\n  targets:", 1), false},
		"no YAML":                             {"a: [", false},
		"a scalar":                            {"hello", false},
		"keys that JSON does not have":        {"{1: 2, [a]: b}", false},
		"nothing":                             {"", false},
		"a metadata that is a list":           {"metadata: []", false},
		"objects of others beside":            {text.String() + "---\nkind: ConfigMap\n", false},
		"a target list that is not a list":    {strings.Replace(first, "  targets:\n", "  targets: none\n", 1), false},
		"an anchor that an alias stands for":  {strings.Replace(strings.Replace(text.String(), "name: cart\n", "name: &c cart\n", 1), "name: cart\n", "name: *c\n", 1), true},
		"windows line ends":                   {strings.ReplaceAll(text.String(), "\n", "\r\n"), true},
		"a quoted value in place of a bare":   {strings.Replace(text.String(), "name: checkout\n", "name: \"checkout\"\n", 1), true},
		"flow style in place of block style":  {strings.Replace(text.String(), "    - kubernetes:\n        name: cart-store\n        kind: StatefulSet\n", "    - {kubernetes: {name: cart-store, kind: StatefulSet}}\n", 1), true},
		"a byte that no text has":             {"\xff\xfe\x00", false},
		"a document end mark after the first": {strings.Replace(text.String(), "---\n", "...\n---\n", 1), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Same([]byte(tc.text), objects); got != tc.want {
				t.Errorf("Same = %t, want %t for:\n%s", got, tc.want, tc.text)
			}
		})
	}
	if !Same(nil, nil) || Same([]byte("a: b"), []*v2beta1.ClientIntents{}) {
		t.Error("nothing is the same as nothing only")
	}
}

// FuzzSame checks that no file makes Same panic. It does not check the answer.
func FuzzSame(f *testing.F) {
	f.Add([]byte("a: &a [*a, *a]"))
	f.Add([]byte("kind: ClientIntents\nspec: {targets: [1, {a: .nan}]}"))
	f.Add([]byte("- - - a\n---\n? [x]\n: y"))
	f.Fuzz(func(t *testing.T, text []byte) {
		Same(text, nil)
		specs(text) //nolint:errcheck // only that it returns
	})
}

func TestPercentIsNeverCompleteUnlessItIs(t *testing.T) {
	for share, want := range map[float64]string{
		1: "100 %", 0.99999: "99.999 %", 0.9999999: "99.999 %", 0.5: "50 %", 0.123456: "12.345 %", 0: "0 %", -1: "0 %", 2: "100 %",
	} {
		if got := Percent(share); got != want {
			t.Errorf("Percent(%v) = %q, want %q", share, got, want)
		}
	}
}

func TestHeaderStaysAComment(t *testing.T) {
	h := sampleHeader()
	h.Version, h.Cluster = "v1\nkind: Secret", "a\r\u2028b\xff"
	for line := range strings.Lines(h.String()) {
		if !strings.HasPrefix(line, "#") || strings.ContainsAny(line, "\r\u2028") {
			t.Errorf("line %q is not a comment alone", line)
		}
	}
}

// TestOddTextsSurviveTheFile draws names of what YAML treats in its own way.
func TestOddTextsSurviveTheFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(
			rapid.SampledFrom([]string{"\t\n", "\n\t", "\n", "on", "~"}),
			rapid.StringOfN(rapid.RuneFrom([]rune("\t\n\r :#'\"-|>a\u2028")), 1, 6, -1),
		).Draw(t, "name")
		objects := []*v2beta1.ClientIntents{{Spec: v2beta1.ClientIntentsSpec{Workload: v2beta1.WorkloadReference{Name: name}}}}
		var text bytes.Buffer
		if err := Marshal(&text, objects, nil); err != nil {
			t.Fatal(err)
		}
		if !Same(text.Bytes(), objects) {
			t.Fatalf("%q does not survive:\n%s", name, &text)
		}
	})
}
