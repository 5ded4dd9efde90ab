package declared

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/portolan-io/portolan/api/v2beta1"
)

const head1 = `"apiVersion":"k8s.otterize.com/v2beta1","kind":"ClientIntents","metadata":{"namespace":"shop","name":"web","uid":"u1","generation":3,` +
	`"annotations":{"portolan.dev/mode":"shadow"}}`

func TestClientIntentsThatDoNotDecode(t *testing.T) {
	for name, tc := range map[string]struct{ rest, fault, client string }{
		"nothing is wrong":                   {`"spec":{"workload":{"name":"web"},"targets":[]}`, "", "web"},
		"text where the spec belongs":        {`"spec":"none"`, "spec: want an object, found string", ""},
		"text where the targets belong":      {`"spec":{"workload":{"name":"web"},"targets":"all"}`, "spec.targets: want a list, found string", "web"},
		"a list where the client belongs":    {`"spec":{"workload":[],"targets":[]}`, "spec.workload: want an object, found array", ""},
		"a number for the name of a target":  {`"spec":{"workload":{"name":"web"},"targets":[{"kubernetes":{"name":5}}]}`, "spec.targets.kubernetes.name: want a string, found number", "web"},
		"text for a port":                    {`"spec":{"workload":{"name":"web"},"targets":[{"internet":{"ports":["80"]}}]}`, "spec.targets.internet.ports: want a whole number of at most 32 bits, found string", "web"},
		"a port beyond all numbers":          {`"spec":{"workload":{"name":"web"},"targets":[{"internet":{"ports":[99999999999]}}]}`, "spec.targets.internet.ports: want a whole number of at most 32 bits, found number 99999999999", "web"},
		"text where a yes or no belongs":     {`"spec":{"workload":{"name":"web"}},"status":{"upToDate":"yes"}`, "status.upToDate: want true or false, found string", "web"},
		"a moment that is none":              {`"spec":{"workload":{"name":"web"}},"status":{"conditions":[{"type":"Ready","lastTransitionTime":"noon"}]}`, `parsing time "noon"`, "web"},
		"an object where conditions belong":  {`"spec":{"workload":{"name":"web"}},"status":{"conditions":{}}`, "status.conditions: want a list, found object", "web"},
		"a field that nobody knows is left":  {`"spec":{"workload":{"name":"web"},"more":1}`, "", "web"},
		"two things are wrong, the first is": {`"spec":{"workload":5,"targets":5}`, "spec.workload: want an object, found number", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got ClientIntents
			if err := json.Unmarshal([]byte("{"+head1+","+tc.rest+"}"), &got); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(got.Fault, tc.fault) || (tc.fault == "") != (got.Fault == "") {
				t.Errorf("fault = %q, want %q", got.Fault, tc.fault)
			}
			if got.Name != "web" || got.Generation != 3 || got.Kind != v2beta1.KindClientIntents || got.Spec.Workload.Name != tc.client {
				t.Errorf("got %s %s of generation %d for client %q, want client %q", got.Kind, got.Name, got.Generation, got.Spec.Workload.Name, tc.client)
			}
		})
	}
}

func TestAnObjectWithoutNameIsAnError(t *testing.T) {
	if err := json.Unmarshal([]byte(`{"metadata":5}`), new(ClientIntents)); err == nil || !strings.Contains(err.Error(), "metadata") {
		t.Errorf("error = %v, want one about the metadata", err)
	}
}

func TestUnreadableOf(t *testing.T) {
	want := &Unreadable{Kind: "ClientIntents", Namespace: "shop", Name: "web", UID: "u1", Fault: "spec: want an object, found string", Mode: "shadow"}
	var intents ClientIntents
	if err := json.Unmarshal([]byte("{"+head1+`,"spec":"x"}`), &intents); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(UnreadableOf(&intents), want); diff != "" {
		t.Errorf("got, want %s", diff)
	}
	for _, fine := range []any{&ClientIntents{}, &ProtectedService{}, &KafkaServerConfig{}, &v2beta1.ClientIntents{}, nil, 5} {
		if got := UnreadableOf(fine); got != nil {
			t.Errorf("%T = %v, want nothing wrong", fine, got)
		}
	}
	if got := want.String(); got != "ClientIntents shop/web" {
		t.Errorf("name = %q", got)
	}
}

// A list goes the way that it goes in a client: by the codec of a scheme.
func TestOneBadObjectLeavesTheOthersOfAList(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	codec := serializer.NewCodecFactory(scheme).UniversalDeserializer()
	for kind, count := range map[string]func(runtime.Object) []string{
		v2beta1.KindClientIntents:     faults[ClientIntents],
		v2beta1.KindProtectedService:  faults[ProtectedService],
		v2beta1.KindKafkaServerConfig: faults[KafkaServerConfig],
	} {
		text := `{"apiVersion":"k8s.otterize.com/v2beta1","kind":"` + kind + `List","metadata":{"resourceVersion":"7"},"items":[` +
			`{"metadata":{"name":"a"},"spec":{}},{"metadata":{"name":"b"},"spec":[],"status":{"conditions":[{"type":"Ready"}]}},{"metadata":{"name":"c"},"spec":{}}]}`
		list, _, err := codec.Decode([]byte(text), nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		for _, l := range []runtime.Object{list, list.DeepCopyObject()} {
			if diff := cmp.Diff(count(l), []string{"", "spec: want an object, found array", ""}); diff != "" {
				t.Errorf("%s: got, want %s", kind, diff)
			}
		}
	}
}

func faults[O any, P interface {
	*O
	runtime.Object
	fault() (string, string)
}](list runtime.Object) []string {
	l, _ := list.(*List[O, P])
	var found []string
	for i := range l.Items {
		_, text := P(&l.Items[i]).fault()
		found = append(found, text)
	}
	return found
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("{" + head1 + `,"spec":{"workload":{"name":"web"},"targets":[{"kubernetes":{"name":"db"}}]}}`))
	f.Add([]byte("{" + head1 + `,"spec":{"workload":{"name":5},"targets":"x"},"status":[]}`))
	f.Add([]byte(`{"metadata":null,"spec":null}`))
	f.Add([]byte(`[]`))
	// What is not checked: the wording of a fault.
	f.Fuzz(func(t *testing.T, text []byte) {
		var got ClientIntents
		if err := json.Unmarshal(text, &got); err != nil {
			return
		}
		var whole v2beta1.ClientIntents
		if err := json.Unmarshal(text, &whole); (err != nil) != (got.Fault != "") {
			t.Fatalf("fault = %q, but decoding it as a whole says %v", got.Fault, err)
		}
		var named metav1.PartialObjectMetadata
		if err := json.Unmarshal(text, &named); err != nil || named.Name != got.Name || named.UID != got.UID {
			t.Fatalf("metadata is %v, want %v (%v)", got.ObjectMeta, named.ObjectMeta, err)
		}
		if len(got.Fault) > longestFault {
			t.Fatalf("a fault of %d bytes", len(got.Fault))
		}
	})
}
