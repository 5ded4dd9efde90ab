package declared

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// longestFault bounds what is said about one object, which may quote what the object holds.
const longestFault = 512

// read decodes text, the JSON of one object, into whole. Where that fails it returns what is wrong, and whole must not be
// used. An error says that not even the metadata can be read, so that the object has no name.
func read[O any](text []byte, whole *O) (fault string, named head, err error) {
	cause := utiljson.Unmarshal(text, whole)
	if cause == nil {
		return "", head{}, nil
	}
	if err := utiljson.Unmarshal(text, &named); err != nil {
		return "", head{}, fmt.Errorf("reading the metadata of an object: %w", err)
	}
	return describe(cause), named, nil
}

// head is the part of an object that the API server itself keeps in order.
type head struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
}

// clientOf returns the workload that an object names as its client, nothing if that part cannot be read either.
func clientOf(text []byte) v2beta1.WorkloadReference {
	var partly struct {
		Spec struct {
			Workload v2beta1.WorkloadReference `json:"workload"`
		} `json:"spec"`
	}
	if err := utiljson.Unmarshal(text, &partly); err != nil {
		return v2beta1.WorkloadReference{}
	}
	return partly.Spec.Workload
}

// conditionsOf returns the conditions that an object has, nothing if that part cannot be read either.
func conditionsOf(text []byte) []metav1.Condition {
	var partly struct {
		Status struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}
	if err := utiljson.Unmarshal(text, &partly); err != nil {
		return nil
	}
	return partly.Status.Conditions
}

// describe says in words which field does not decode.
func describe(cause error) string {
	var wrong *json.UnmarshalTypeError
	text := cause.Error()
	if errors.As(cause, &wrong) && wrong.Field != "" {
		text = fmt.Sprintf("%s: want %s, found %s", wrong.Field, wanted(wrong.Type), wrong.Value)
	}
	if len(text) > longestFault {
		text = strings.ToValidUTF8(text[:longestFault], "")
	}
	return text
}

// wanted names a type of Go as people who write YAML call it.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int32:
		return "a whole number of at most 32 bits"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	default:
		return t.String()
	}
}
