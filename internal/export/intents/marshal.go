package intents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// Marshal writes the objects as YAML documents, separated by "---", in their order, with two blanks of indentation and
// without status. header stands before the first one; nil leaves it out. Equal objects give equal bytes. No object gives
// no byte.
func Marshal(w io.Writer, objects []*v2beta1.ClientIntents, header *Header) error {
	var text bytes.Buffer
	if header != nil && len(objects) > 0 {
		text.WriteString(header.String())
	}
	for i, object := range objects {
		if i > 0 {
			text.WriteString("---\n")
		}
		document, err := yamlDocument(object)
		if err != nil {
			return fmt.Errorf("writing ClientIntents %s/%s: %w", object.Namespace, object.Name, err)
		}
		text.Write(document)
	}
	_, err := text.WriteTo(w)
	return err
}

// plain is a ClientIntents as a person would write it: what the API server fills in is left out.
type plain struct {
	APIVersion string                    `json:"apiVersion"`
	Kind       string                    `json:"kind"`
	Metadata   metadata                  `json:"metadata"`
	Spec       v2beta1.ClientIntentsSpec `json:"spec"`
}

type metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func asPlain(o *v2beta1.ClientIntents) plain {
	return plain{
		APIVersion: v2beta1.GroupVersion().String(), Kind: v2beta1.KindClientIntents,
		Metadata: metadata{Name: o.Name, Namespace: o.Namespace, Labels: o.Labels, Annotations: o.Annotations},
		Spec:     o.Spec,
	}
}

// yamlDocument goes through JSON, so that names and order of the fields are those of the API type.
func yamlDocument(o *v2beta1.ClientIntents) ([]byte, error) {
	text, err := json.Marshal(asPlain(o))
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	node, err := toNode(decoder)
	if err != nil {
		return nil, err
	}
	var document bytes.Buffer
	encoder := yaml.NewEncoder(&document)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(node), encoder.Close()); err != nil {
		return nil, err
	}
	return document.Bytes(), nil
}

// toNode reads one JSON value in the order in which it stands.
func toNode(decoder *json.Decoder) (*yaml.Node, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch value := token.(type) {
	case json.Delim:
		node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		if value == '{' {
			node = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		}
		return node, fill(node, decoder)
	case string:
		return textNode(value), nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: value.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatBool(value)}, nil
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
	}
}

// textNode quotes what readers of YAML 1.1 take for something else, such as on. That is the library's knowledge; a text that
// it writes and cannot read back, such as blanks alone, is quoted whatever it is.
func textNode(value string) *yaml.Node {
	node := new(yaml.Node)
	if err := node.Encode(value); err != nil {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: value}
	}
	return node
}

// fill reads the content of an object, keys included, or of a list, and its end.
func fill(node *yaml.Node, decoder *json.Decoder) error {
	for decoder.More() {
		child, err := toNode(decoder)
		if err != nil {
			return err
		}
		node.Content = append(node.Content, child)
	}
	_, err := decoder.Token()
	return err
}

// jsonObject has the keys that readers of Otterize's JSON expect.
type jsonObject struct {
	Kind       string                    `json:"kind"`
	APIVersion string                    `json:"apiVersion"`
	Metadata   jsonMetadata              `json:"metadata"`
	Spec       v2beta1.ClientIntentsSpec `json:"spec"`
	Status     jsonStatus                `json:"status"`
}

type jsonMetadata struct {
	Name              string  `json:"name"`
	Namespace         string  `json:"namespace"`
	CreationTimestamp *string `json:"creationTimestamp"` // always null
}

type jsonStatus struct {
	UpToDate           bool  `json:"upToDate"`
	ObservedGeneration int64 `json:"observedGeneration"`
}

// MarshalJSON writes the objects as one JSON list, indented by two blanks. No object gives an empty list.
func MarshalJSON(w io.Writer, objects []*v2beta1.ClientIntents) error {
	list := make([]jsonObject, 0, len(objects))
	for _, o := range objects {
		list = append(list, jsonObject{
			Kind: v2beta1.KindClientIntents, APIVersion: v2beta1.GroupVersion().String(),
			Metadata: jsonMetadata{Name: o.Name, Namespace: o.Namespace}, Spec: o.Spec,
		})
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(list)
}
