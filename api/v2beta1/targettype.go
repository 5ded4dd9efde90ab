package v2beta1

import "fmt"

// Type returns the type of t and true, or false if t has no field or several, which the API server refuses but may
// still hold from before.
func (t Target) Type() (TargetType, bool) {
	var found TargetType
	count := 0
	for _, field := range []struct {
		set bool
		as  TargetType
	}{
		{t.Kubernetes != nil, TargetTypeKubernetes},
		{t.Service != nil, TargetTypeService},
		{t.Kafka != nil, TargetTypeKafka},
		{t.SQL != nil, TargetTypeSQL},
		{t.AWS != nil, TargetTypeAWS},
		{t.GCP != nil, TargetTypeGCP},
		{t.Azure != nil, TargetTypeAzure},
		{t.Internet != nil, TargetTypeInternet},
	} {
		if field.set {
			found, count = field.as, count+1
		}
	}
	if count != 1 {
		return "", false
	}
	return found, true
}

// Title returns what t names, as written, for status.targets[].name and for events: the name of a workload, Service,
// broker or database, the ARN, resource or scope of a cloud target, or the first domain or address of an internet
// target and how many more there are. It is empty for a target without
// fields.
func (t Target) Title() string {
	switch {
	case t.Kubernetes != nil:
		return t.Kubernetes.Name
	case t.Service != nil:
		return t.Service.Name
	case t.Kafka != nil:
		return t.Kafka.Name
	case t.SQL != nil:
		return t.SQL.Name
	case t.AWS != nil:
		return t.AWS.ARN
	case t.GCP != nil:
		return t.GCP.Resource
	case t.Azure != nil:
		return t.Azure.Scope
	case t.Internet != nil:
		return t.Internet.title()
	}
	return ""
}

func (t InternetTarget) title() string {
	all := append(append([]string(nil), t.Domains...), t.IPs...)
	switch len(all) {
	case 0:
		return ""
	case 1:
		return all[0]
	}
	return fmt.Sprintf("%s and %d more", all[0], len(all)-1)
}
