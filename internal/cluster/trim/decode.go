package trim

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// Decode reads the objects of a YAML or JSON stream, in its order; a list counts as its items. Fields are checked
// strictly. ClientIntents and their like of version v2alpha1 come out as v2beta1, whose schema is the same. An object of
// an API group that is not known here comes out unstructured.
//
// An error says which document of the stream is wrong, counting from 1, and stops the reading.
func Decode(stream []byte) ([]runtime.Object, error) {
	return decode(stream, serializer.EnableStrict)
}

// DecodeDump reads what an API server gave away. It differs from Decode in that it leaves out fields that are not known
// here: the server may be newer.
func DecodeDump(stream []byte) ([]runtime.Object, error) {
	return decode(stream, serializer.DisableStrict)
}

func decode(stream []byte, strictness serializer.CodecFactoryOptionsMutator) ([]runtime.Object, error) {
	d, err := newDecoder(strictness)
	if err != nil {
		return nil, err
	}
	var objects []runtime.Object
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(stream)))
	for n := 1; ; n++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err == nil {
			objects, err = d.document(objects, document)
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
	}
}

type decoder struct {
	scheme *runtime.Scheme
	codec  runtime.Decoder
}

func newDecoder(strictness serializer.CodecFactoryOptionsMutator) (decoder, error) {
	scheme := runtime.NewScheme()
	builder := runtime.NewSchemeBuilder(
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, discoveryv1.AddToScheme, networkingv1.AddToScheme,
		v2beta1.AddToScheme, addOlderVersion,
	)
	if err := builder.AddToScheme(scheme); err != nil {
		return decoder{}, fmt.Errorf("registering the kinds that can be read: %w", err)
	}
	codecs := serializer.NewCodecFactory(scheme, strictness)
	return decoder{scheme: scheme, codec: codecs.UniversalDeserializer()}, nil
}

// addOlderVersion reads the kinds of k8s.otterize.com/v2alpha1 into the types of v2beta1.
func addOlderVersion(s *runtime.Scheme) error {
	older := schema.GroupVersion{Group: v2beta1.Group, Version: "v2alpha1"}
	s.AddKnownTypeWithName(older.WithKind(v2beta1.KindClientIntents), &v2beta1.ClientIntents{})
	s.AddKnownTypeWithName(older.WithKind(v2beta1.KindProtectedService), &v2beta1.ProtectedService{})
	s.AddKnownTypeWithName(older.WithKind(v2beta1.KindKafkaServerConfig), &v2beta1.KafkaServerConfig{})
	return nil
}

// document appends the objects of one document; one that holds nothing but comments has none.
func (d decoder) document(objects []runtime.Object, document []byte) ([]runtime.Object, error) {
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, fmt.Errorf("reading YAML: %w", err)
	}
	if string(text) == "null" {
		return objects, nil
	}
	object, err := d.object(text)
	if err != nil {
		return nil, err
	}
	if !meta.IsListType(object) {
		return append(objects, object), nil
	}
	return d.items(objects, object)
}

// items appends the items of a list. Those of a List without a type are documents of their own; lists among them are
// refused.
func (d decoder) items(objects []runtime.Object, list runtime.Object) ([]runtime.Object, error) {
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil, fmt.Errorf("reading a list: %w", err)
	}
	for i, item := range items {
		if raw, untyped := item.(*runtime.Unknown); untyped {
			if item, err = d.object(raw.Raw); err != nil {
				return nil, fmt.Errorf("item %d: %w", i+1, err)
			}
		}
		if meta.IsListType(item) {
			return nil, fmt.Errorf("item %d: a list inside a list is not read", i+1)
		}
		objects = append(objects, item)
	}
	return objects, nil
}

func (d decoder) object(document []byte) (runtime.Object, error) {
	kind, err := json.DefaultMetaFactory.Interpret(document)
	if err != nil {
		return nil, fmt.Errorf("reading apiVersion and kind: %w", err)
	}
	codec := d.codec
	if !d.scheme.IsGroupRegistered(kind.Group) && kind.Version != "" {
		codec = unstructured.UnstructuredJSONScheme
	}
	object, _, err := codec.Decode(document, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("reading an object: %w", err)
	}
	return object, nil
}
