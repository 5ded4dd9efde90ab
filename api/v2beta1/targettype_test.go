package v2beta1_test

import (
	"testing"

	"github.com/portolan-io/portolan/api/v2beta1"
)

func TestTargetTypeAndTitle(t *testing.T) {
	for name, tc := range map[string]struct {
		target v2beta1.Target
		want   v2beta1.TargetType
		ok     bool
		title  string
	}{
		"a workload":  {v2beta1.Target{Kubernetes: &v2beta1.KubernetesTarget{Name: "a.b"}}, v2beta1.TargetTypeKubernetes, true, "a.b"},
		"a Service":   {v2beta1.Target{Service: &v2beta1.ServiceTarget{Name: "a"}}, v2beta1.TargetTypeService, true, "a"},
		"a broker":    {v2beta1.Target{Kafka: &v2beta1.KafkaTarget{Name: "k"}}, v2beta1.TargetTypeKafka, true, "k"},
		"a database":  {v2beta1.Target{SQL: &v2beta1.SQLTarget{Name: "d"}}, v2beta1.TargetTypeSQL, true, "d"},
		"AWS":         {v2beta1.Target{AWS: &v2beta1.AWSTarget{ARN: "arn:x"}}, v2beta1.TargetTypeAWS, true, "arn:x"},
		"GCP":         {v2beta1.Target{GCP: &v2beta1.GCPTarget{Resource: "r"}}, v2beta1.TargetTypeGCP, true, "r"},
		"Azure":       {v2beta1.Target{Azure: &v2beta1.AzureTarget{Scope: "/s"}}, v2beta1.TargetTypeAzure, true, "/s"},
		"one address": {v2beta1.Target{Internet: &v2beta1.InternetTarget{IPs: []string{"::1"}}}, v2beta1.TargetTypeInternet, true, "::1"},
		"addresses and domains": {
			v2beta1.Target{Internet: &v2beta1.InternetTarget{Domains: []string{"a.example", "b.example"}, IPs: []string{"::1"}}},
			v2beta1.TargetTypeInternet, true, "a.example and 2 more",
		},
		"an empty internet target": {v2beta1.Target{Internet: &v2beta1.InternetTarget{}}, v2beta1.TargetTypeInternet, true, ""},
		"no field":                 {v2beta1.Target{}, "", false, ""},
		"two fields": {
			v2beta1.Target{Service: &v2beta1.ServiceTarget{Name: "a"}, SQL: &v2beta1.SQLTarget{Name: "d"}}, "", false, "a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := tc.target.Type(); got != tc.want || ok != tc.ok {
				t.Errorf("Type() = %q, %v, want %q, %v", got, ok, tc.want, tc.ok)
			}
			if got := tc.target.Title(); got != tc.title {
				t.Errorf("Title() = %q, want %q", got, tc.title)
			}
		})
	}
}
