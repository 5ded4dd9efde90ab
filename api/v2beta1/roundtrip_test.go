package v2beta1_test

import (
	"encoding/json"
	"math/rand"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/apitesting/roundtrip"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	sigsjson "sigs.k8s.io/json"

	"github.com/portolan-io/portolan/api/v2alpha1"
	"github.com/portolan-io/portolan/api/v2beta1"
)

// TestRoundTrip sends random objects of every kind through JSON, CBOR and the unstructured form and back.
func TestRoundTrip(t *testing.T) {
	for name, add := range map[string]func(*runtime.Scheme) error{
		v2alpha1.Version: v2alpha1.AddToScheme,
		v2beta1.Version:  v2beta1.AddToScheme,
	} {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := add(scheme); err != nil {
				t.Fatal(err)
			}
			codecs := serializer.NewCodecFactory(scheme)
			random := fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(1), codecs)
			roundtrip.RoundTripExternalTypesWithoutProtobuf(t, scheme, codecs, random, nil)
		})
	}
}

// TestAbsentStaysAbsent shows that an object from before the rules goes back to the API server as it came.
func TestAbsentStaysAbsent(t *testing.T) {
	for _, document := range []string{
		`{"metadata":{"name":"no-spec"}}`,
		`{"metadata":{"name":"no-targets"},"spec":{"workload":{"name":"a"}}}`,
		`{"metadata":{"name":"empty-targets"},"spec":{"workload":{"name":"a"},"targets":[]}}`,
		`{"metadata":{"name":"empty-target"},"spec":{"workload":{"name":"a"},"targets":[{}]}}`,
		`{"metadata":{"name":"empty-azure"},"spec":{"workload":{"name":"a"},"targets":[{"azure":{}}]}}`,
		`{"metadata":{"name":"numbers"},"status":{"upToDate":false,"targets":[{"index":0}],"wouldBlock":0}}`,
	} {
		var intents v2beta1.ClientIntents
		if err := json.Unmarshal([]byte(document), &intents); err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(intents)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(got), document); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
	}
}

// FuzzDecode reads arbitrary bytes as an object of each kind, as the API server's answers are read. What can be read is
// written and read again without a change, and its targets can be asked for type and title. It does not check that the
// API server would accept the object.
func FuzzDecode(f *testing.F) {
	for _, object := range append(documents(f, "testdata"), documents(f, filepath.Join("testdata", "accepted"))...) {
		seed, err := object.MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	for _, seed := range []string{``, `null`, `[]`, `{"spec":{"targets":[null,{},{"internet":{"ports":[-1]}}]}}`, `{"spec":{"targets":[{"aws":{},"gcp":{}}]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkStable(t, data, &v2beta1.ClientIntents{}, &v2beta1.ClientIntents{})
		checkStable(t, data, &v2beta1.ProtectedService{}, &v2beta1.ProtectedService{})
		checkStable(t, data, &v2beta1.KafkaServerConfig{}, &v2beta1.KafkaServerConfig{})
		var intents v2beta1.ClientIntents
		if sigsjson.UnmarshalCaseSensitivePreserveInts(data, &intents) != nil {
			return
		}
		for _, target := range intents.Spec.Targets {
			if kind, ok := target.Type(); ok == (kind == "") {
				t.Errorf("Type() = %q, %v", kind, ok)
			}
			_ = target.Title()
		}
	})
}

// checkStable decodes data into first and what comes of it into second, both empty and of one type.
func checkStable(t *testing.T, data []byte, first, second runtime.Object) {
	t.Helper()
	if sigsjson.UnmarshalCaseSensitivePreserveInts(data, first) != nil {
		return
	}
	written, err := json.Marshal(first)
	if err != nil {
		t.Fatalf("writing %T: %v", first, err)
	}
	if err := sigsjson.UnmarshalCaseSensitivePreserveInts(written, second); err != nil {
		t.Fatalf("reading %s: %v", written, err)
	}
	if diff := cmp.Diff(second, first, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s\n(-second +first):\n%s", data, diff)
	}
}
