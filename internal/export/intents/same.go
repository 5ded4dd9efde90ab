package intents

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// Same reports whether a file says the same as the objects: the same ClientIntents with the same specs, whatever the
// order, comments, labels and annotations. Text that is neither YAML nor JSON says something else.
func Same(text []byte, objects []*v2beta1.ClientIntents) bool {
	there, err := specs(text)
	if err != nil || len(there) != len(objects) {
		return false
	}
	wanted := make(map[key]string, len(objects))
	for _, o := range objects {
		if addSpec(wanted, asPlain(o)) != nil {
			return false
		}
	}
	return maps.Equal(there, wanted)
}

// object is what Same compares, read from any YAML or JSON.
type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec map[string]any `json:"spec"`
}

// key names an object.
type key struct{ apiVersion, kind, namespace, name string }

var errTwice = errors.New("one object stands there twice")

// specs returns the specs of all objects in a text, each as JSON with its targets sorted.
func specs(text []byte) (map[key]string, error) {
	all := make(map[key]string)
	for documents := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var document any
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if err := addSpecs(all, document); err != nil {
			return nil, err
		}
	}
}

// addSpecs adds one document: nothing, an object, or a list of objects.
func addSpecs(all map[key]string, document any) error {
	if document == nil {
		return nil
	}
	list, isList := document.([]any)
	if !isList {
		return addSpec(all, document)
	}
	for _, item := range list {
		if err := addSpec(all, item); err != nil {
			return err
		}
	}
	return nil
}

func addSpec(all map[key]string, item any) error {
	text, err := json.Marshal(item)
	if err != nil {
		return err
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		return err
	}
	if targets, isList := o.Spec["targets"].([]any); isList {
		slices.SortFunc(targets, func(a, b any) int {
			first, _ := json.Marshal(a)  // what came from JSON goes back to it
			second, _ := json.Marshal(b) // likewise
			return bytes.Compare(first, second)
		})
	}
	spec, err := json.Marshal(o.Spec)
	at := key{o.APIVersion, o.Kind, o.Metadata.Namespace, o.Metadata.Name}
	if _, known := all[at]; known {
		return errTwice
	}
	all[at] = string(spec)
	return err
}
