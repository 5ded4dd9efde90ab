package v2beta1_test

import (
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/portolan-io/portolan/api/v2beta1"
)

// What the rules say.
const (
	messageV1  = "a workload name must not contain '.': write '_' for every '.' in the name"
	messageV2  = "kind must start with an upper-case letter and hold only letters and digits, for example Deployment"
	messageV3  = "each target must have exactly one of kubernetes, service, kafka, sql, aws, gcp, azure, internet"
	messageV4  = "a target name is <name> or <name>.<namespace>: at most one '.', with text on both sides (write '_' for a '.' inside a name)"
	messageV6  = "azure needs at least one of roles, actions, dataActions, keyVaultPolicy"
	messageV7  = "azure.roles cannot be combined with actions or dataActions"
	messageV8  = "internet needs at least one domain or IP"
	messageV9  = "an entry of ips is an IPv4 or IPv6 address, or a CIDR such as 10.0.0.0/8 or 2001:db8::/32"
	messageV11 = "addr is <host>:<port>, or several separated by ','"
	messageV12 = "plaintext and tls exclude each other"
	messageV13 = "principalTemplate must contain $ServiceName and $Namespace"
)

// refused is a table of specs, by what is wrong with them.
type refused map[string]struct {
	spec string
	want refusal
}

func (s server) testRefused(t *testing.T, kind string, table refused) {
	for name, tc := range table {
		t.Run(name, func(t *testing.T) {
			checkRefused(t, s.tryCreate(t.Context(), object(t, kind, tc.spec)), tc.want)
		})
	}
}

func (s server) testRefusedClientIntents(t *testing.T) {
	s.testRefused(t, v2beta1.KindClientIntents, refused{
		"no spec":                    {`null`, refusal{"spec", "Required value"}},
		"no workload":                {`{targets: []}`, refusal{"spec.workload", "Required value"}},
		"no targets":                 {`{workload: {name: a}}`, refusal{"spec.targets", "Required value"}},
		"null targets":               {`{workload: {name: a}, targets: null}`, refusal{"spec.targets", "Required value"}},
		"no workload name":           {`{workload: {kind: Pod}, targets: []}`, refusal{"spec.workload.name", "Required value"}},
		"an empty workload name":     {`{workload: {name: ""}, targets: []}`, refusal{"spec.workload.name", "at least 1 chars long"}},
		"a workload name of 254":     {`{workload: {name: ` + text(254) + `}, targets: []}`, refusal{"spec.workload.name", "253"}},
		"V1: a dot in the name":      {`{workload: {name: my.app}, targets: []}`, refusal{"spec.workload.name", messageV1}},
		"V2: a lower-case kind":      {`{workload: {name: a, kind: deployment}, targets: []}`, refusal{"spec.workload.kind", messageV2}},
		"V2: a kind with a hyphen":   {`{workload: {name: a, kind: Stateful-Set}, targets: []}`, refusal{"spec.workload.kind", messageV2}},
		"a kind of 64":               {`{workload: {name: a, kind: D` + text(63) + `}, targets: []}`, refusal{"spec.workload.kind", "63"}},
		"1001 targets":               {targets(1001, `{service: {name: b}}`), refusal{"spec.targets", "must have at most 1000 items"}},
		"V3: the 2nd target of many": {`{workload: {name: a}, targets: [{service: {name: b}}, {}]}`, refusal{"spec.targets[1]", messageV3}},
	})
}

func (s server) testRefusedTargets(t *testing.T) {
	at := func(path string) string { return strings.TrimSuffix("spec.targets[0]."+path, ".") }
	for name, tc := range map[string]struct {
		target string
		want   refusal
	}{
		"V3: no field":      {`{}`, refusal{at(""), messageV3}},
		"V3: two fields":    {`{kubernetes: {name: b}, service: {name: b}}`, refusal{at(""), messageV3}},
		"V3: null in field": {`{kubernetes: null}`, refusal{at(""), messageV3}},

		"kubernetes without a name":         {`{kubernetes: {kind: Pod}}`, refusal{at("kubernetes.name"), "Required value"}},
		"kubernetes with an empty name":     {`{kubernetes: {name: ""}}`, refusal{at("kubernetes.name"), "at least 1 chars long"}},
		"kubernetes with a name of 318":     {`{kubernetes: {name: ` + text(318) + `}}`, refusal{at("kubernetes.name"), "317"}},
		"V2: kubernetes, a lower-case kind": {`{kubernetes: {name: b, kind: service}}`, refusal{at("kubernetes.kind"), messageV2}},
		"V4: kubernetes, two dots":          {`{kubernetes: {name: b.c.d}}`, refusal{at("kubernetes.name"), messageV4}},
		"V4: kubernetes, a dot first":       {`{kubernetes: {name: .b}}`, refusal{at("kubernetes.name"), messageV4}},
		"V4: kubernetes, a dot last":        {`{kubernetes: {name: b.}}`, refusal{at("kubernetes.name"), messageV4}},
		"V4: service, two dots":             {`{service: {name: b.c.svc}}`, refusal{at("service.name"), messageV4}},
		"V4: kafka, two dots":               {`{kafka: {name: k.mq.svc}}`, refusal{at("kafka.name"), messageV4}},
		"service without a name":            {`{service: {}}`, refusal{at("service.name"), "Required value"}},
		"service with a name of 318":        {`{service: {name: ` + text(318) + `}}`, refusal{at("service.name"), "317"}},

		"http without a path":          {`{service: {name: b, http: [{methods: [GET]}]}}`, refusal{at("service.http[0].path"), "Required value"}},
		"http with an empty path":      {`{service: {name: b, http: [{path: ""}]}}`, refusal{at("service.http[0].path"), "at least 1 chars long"}},
		"http with a path of 1025":     {`{kubernetes: {name: b, http: [{path: /` + text(1024) + `}]}}`, refusal{at("kubernetes.http[0].path"), "1024"}},
		"http with an unknown method":  {`{kubernetes: {name: b, http: [{path: /, methods: [FETCH]}]}}`, refusal{at("kubernetes.http[0].methods[0]"), `supported values: "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"`}},
		"http with a lower-case verb":  {`{service: {name: b, http: [{path: /, methods: [get]}]}}`, refusal{at("service.http[0].methods[0]"), "Unsupported value"}},
		"501 rules for http, workload": {`{kubernetes: {name: b, http: [` + list(501, `{path: /}`) + `]}}`, refusal{at("kubernetes.http"), "must have at most 500 items"}},
		"501 rules for http, Service":  {`{service: {name: b, http: [` + list(501, `{path: /}`) + `]}}`, refusal{at("service.http"), "must have at most 500 items"}},

		"kafka without a name":          {`{kafka: {topics: []}}`, refusal{at("kafka.name"), "Required value"}},
		"a topic without a name":        {`{kafka: {name: k, topics: [{operations: [all]}]}}`, refusal{at("kafka.topics[0].name"), "Required value"}},
		"a topic without operations":    {`{kafka: {name: k, topics: [{name: t}]}}`, refusal{at("kafka.topics[0].operations"), "Required value"}},
		"a topic with a name of 250":    {`{kafka: {name: k, topics: [{name: ` + text(250) + `, operations: [all]}]}}`, refusal{at("kafka.topics[0].name"), "249"}},
		"a topic with another verb":     {`{kafka: {name: k, topics: [{name: t, operations: [read]}]}}`, refusal{at("kafka.topics[0].operations[0]"), `"IdempotentWrite"`}},
		"501 topics":                    {`{kafka: {name: k, topics: [` + list(501, `{name: t, operations: [all]}`) + `]}}`, refusal{at("kafka.topics"), "must have at most 500 items"}},
		"sql without a name":            {`{sql: {}}`, refusal{at("sql.name"), "Required value"}},
		"sql with a name of 254":        {`{sql: {name: ` + text(254) + `}}`, refusal{at("sql.name"), "253"}},
		"sql with a nameless database":  {`{sql: {name: db, privileges: [{databaseName: ""}]}}`, refusal{at("sql.privileges[0].databaseName"), "at least 1 chars long"}},
		"sql with another operation":    {`{sql: {name: db, privileges: [{databaseName: d, operations: [DROP]}]}}`, refusal{at("sql.privileges[0].operations[0]"), `"ALL", "SELECT", "INSERT", "UPDATE", "DELETE"`}},
		"V5: aws without arn":           {`{aws: {actions: ["s3:GetObject"]}}`, refusal{at("aws"), "aws.arn is required"}},
		"V5: aws with an empty arn":     {`{aws: {arn: ""}}`, refusal{at("aws"), "aws.arn is required"}},
		"V5: gcp without resource":      {`{gcp: {permissions: [a]}}`, refusal{at("gcp"), "gcp.resource is required"}},
		"V5: azure without scope":       {`{azure: {roles: [Reader]}}`, refusal{at("azure"), "azure.scope is required"}},
		"V6: azure without permissions": {`{azure: {scope: /x}}`, refusal{at("azure"), messageV6}},
		"V6: azure with empty lists":    {`{azure: {scope: /x, roles: [], actions: [], dataActions: []}}`, refusal{at("azure"), messageV6}},
		"V7: azure, roles and actions":  {`{azure: {scope: /x, roles: [Reader], actions: [a]}}`, refusal{at("azure"), messageV7}},
		"V7: azure, roles and data":     {`{azure: {scope: /x, roles: [Reader], dataActions: [a]}}`, refusal{at("azure"), messageV7}},
		"azure, another certificate":    {vault(`certificatePermissions: [sign]`), refusal{at("azure.keyVaultPolicy.certificatePermissions[0]"), `"setissuers", "update"`}},
		"azure, another key":            {vault(`keyPermissions: [getsas]`), refusal{at("azure.keyVaultPolicy.keyPermissions[0]"), `"unwrapkey", "update", "verify", "wrapkey"`}},
		"azure, another secret":         {vault(`secretPermissions: [create]`), refusal{at("azure.keyVaultPolicy.secretPermissions[0]"), `"restore", "set"`}},
		"azure, another storage":        {vault(`storagePermissions: [sign]`), refusal{at("azure.keyVaultPolicy.storagePermissions[0]"), `"regeneratekey", "restore", "set", "setsas", "update"`}},
	} {
		t.Run(name, func(t *testing.T) {
			checkRefused(t, s.tryCreate(t.Context(), object(t, v2beta1.KindClientIntents, targets(1, tc.target))), tc.want)
		})
	}
	s.testRefusedInternet(t)
}

func (s server) testRefusedInternet(t *testing.T) {
	for name, tc := range map[string]struct {
		internet string
		want     refusal
	}{
		"V8: nothing":                   {`{}`, refusal{"", messageV8}},
		"V8: ports alone":               {`{ports: [443]}`, refusal{"", messageV8}},
		"V8: empty lists":               {`{domains: [], ips: []}`, refusal{"", messageV8}},
		"V9: a name":                    {`{ips: [example.com]}`, refusal{".ips[0]", messageV9}},
		"V9: an octet too large":        {`{ips: [10.0.0.1, 10.0.0.256]}`, refusal{".ips[1]", messageV9}},
		"V9: an octet with a zero":      {`{ips: [10.0.0.01]}`, refusal{".ips[0]", messageV9}},
		"V9: an IPv4-mapped address":    {`{ips: ["::ffff:10.0.0.1"]}`, refusal{".ips[0]", messageV9}},
		"V9: a zone":                    {`{ips: ["fe80::1%eth0"]}`, refusal{".ips[0]", messageV9}},
		"V9: a prefix too long":         {`{ips: [10.0.0.0/33]}`, refusal{".ips[0]", messageV9}},
		"V9: a range":                   {`{ips: [10.0.0.1-10.0.0.9]}`, refusal{".ips[0]", messageV9}},
		"an empty address":              {`{ips: [""]}`, refusal{".ips[0]", "at least 1 chars long"}},
		"an address of 46":              {`{ips: [` + text(46) + `]}`, refusal{".ips[0]", "45"}},
		"251 addresses":                 {`{ips: [` + list(251, `10.0.0.1`) + `]}`, refusal{".ips", "must have at most 250 items"}},
		"V10: a star alone":             {`{domains: ["*"]}`, refusal{".domains[0]", "should match"}},
		"V10: a star without a dot":     {`{domains: ["*example.com"]}`, refusal{".domains[0]", "should match"}},
		"V10: a star inside":            {`{domains: ["api.*.com"]}`, refusal{".domains[0]", "should match"}},
		"V10: a URL":                    {`{domains: ["https://example.com"]}`, refusal{".domains[0]", "should match"}},
		"V10: a port":                   {`{domains: ["example.com:443"]}`, refusal{".domains[0]", "should match"}},
		"V10: an empty label":           {`{domains: ["a..example.com"]}`, refusal{".domains[0]", "should match"}},
		"V10: a hyphen at an end":       {`{domains: ["-a.example.com"]}`, refusal{".domains[0]", "should match"}},
		"V10: a label of 64":            {`{domains: [` + text(64) + `.com]}`, refusal{".domains[0]", "should match"}},
		"an empty domain":               {`{domains: [""]}`, refusal{".domains[0]", "at least 1 chars long"}},
		"a domain of 255":               {`{domains: [` + strings.Repeat("a.", 127) + `a]}`, refusal{".domains[0]", "254"}},
		"101 domains":                   {`{domains: [` + list(101, `example.com`) + `]}`, refusal{".domains", "must have at most 100 items"}},
		"port 0":                        {`{domains: [example.com], ports: [0]}`, refusal{".ports[0]", "greater than or equal to 1"}},
		"port 65536":                    {`{domains: [example.com], ports: [65536]}`, refusal{".ports[0]", "less than or equal to 65535"}},
		"201 ports":                     {`{domains: [example.com], ports: [` + list(201, `443`) + `]}`, refusal{".ports", "must have at most 200 items"}},
		"a port that is a service name": {`{domains: [example.com], ports: [https]}`, refusal{".ports[0]", "must be of type integer"}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.want.field = "spec.targets[0].internet" + tc.want.field
			spec := targets(1, `{internet: `+tc.internet+`}`)
			checkRefused(t, s.tryCreate(t.Context(), object(t, v2beta1.KindClientIntents, spec)), tc.want)
		})
	}
}

func (s server) testRefusedProtectedServices(t *testing.T) {
	s.testRefused(t, v2beta1.KindProtectedService, refused{
		"no spec":               {`null`, refusal{"spec", "Required value"}},
		"no name":               {`{kind: Deployment}`, refusal{"spec.name", "Required value"}},
		"an empty name":         {`{name: ""}`, refusal{"spec.name", "at least 1 chars long"}},
		"a name of 254":         {`{name: ` + text(254) + `}`, refusal{"spec.name", "253"}},
		"V1: a dot in the name": {`{name: my.app}`, refusal{"spec.name", messageV1}},
		"V2: a lower-case kind": {`{name: a, kind: deployment}`, refusal{"spec.kind", messageV2}},
		"a kind of 64":          {`{name: a, kind: D` + text(63) + `}`, refusal{"spec.kind", "63"}},
	})
}

func (s server) testRefusedKafkaServerConfigs(t *testing.T) {
	const broker = `workload: {name: kafka}`
	topic := func(fields string) string { return `{` + broker + `, topics: [{` + fields + `}]}` }
	addr := func(addr string) string { return fmt.Sprintf(`{%s, addr: %q}`, broker, addr) }
	at := func(field, message string) refusal { return refusal{strings.TrimSuffix("spec."+field, "."), message} }
	s.testRefused(t, v2beta1.KindKafkaServerConfig, refused{
		"no spec":                       {`null`, refusal{"spec", "Required value"}},
		"no workload":                   {`{addr: "k:9092"}`, at("workload", "Required value")},
		"V1: a dot in the name":         {`{workload: {name: my.kafka}}`, at("workload.name", messageV1)},
		"V2: a lower-case kind":         {`{workload: {name: k, kind: pod}}`, at("workload.kind", messageV2)},
		"V11: no port":                  {addr("kafka.mq"), at("addr", messageV11)},
		"V11: a port of letters":        {addr("kafka.mq:kafka"), at("addr", messageV11)},
		"V11: a URL":                    {addr("https://kafka.mq:9092"), at("addr", messageV11)},
		"V11: a blank after the comma":  {addr("a:1, b:2"), at("addr", messageV11)},
		"V11: IPv6 without brackets":    {addr("::1:9092"), at("addr", messageV11)},
		"V12: plaintext and tls":        {`{` + broker + `, plaintext: true, tls: {certFile: "", keyFile: "", rootCAFile: /ca}}`, at("", messageV12)},
		"V13: a template without name":  {`{` + broker + `, principalTemplate: "CN=$Namespace"}`, at("principalTemplate", messageV13)},
		"V13: a template without space": {`{` + broker + `, principalTemplate: "CN=$ServiceName"}`, at("principalTemplate", messageV13)},
		"an empty template":             {`{` + broker + `, principalTemplate: ""}`, at("principalTemplate", "at least 1 chars long")},
		"a template of 254":             {`{` + broker + `, principalTemplate: "$ServiceName$Namespace` + text(232) + `"}`, at("principalTemplate", "253")},
		"tls without certFile":          {`{` + broker + `, tls: {keyFile: "", rootCAFile: /ca}}`, at("tls.certFile", "Required value")},
		"tls without keyFile":           {`{` + broker + `, tls: {certFile: "", rootCAFile: /ca}}`, at("tls.keyFile", "Required value")},
		"tls without rootCAFile":        {`{` + broker + `, tls: {certFile: "", keyFile: ""}}`, at("tls.rootCAFile", "Required value")},
		"a topic entry without topic":   {topic(`pattern: literal, clientIdentityRequired: true, intentsRequired: true`), at("topics[0].topic", "Required value")},
		"a topic entry without pattern": {topic(`topic: t, clientIdentityRequired: true, intentsRequired: true`), at("topics[0].pattern", "Required value")},
		"a topic with another pattern":  {topic(`topic: t, pattern: regex, clientIdentityRequired: true, intentsRequired: true`), at("topics[0].pattern", `"literal", "prefix"`)},
		"no clientIdentityRequired":     {topic(`topic: t, pattern: literal, intentsRequired: true`), at("topics[0].clientIdentityRequired", "Required value")},
		"no intentsRequired":            {topic(`topic: t, pattern: literal, clientIdentityRequired: true`), at("topics[0].intentsRequired", "Required value")},
		"1001 topics":                   {`{` + broker + `, topics: [` + list(1001, `{topic: t, pattern: literal, clientIdentityRequired: true, intentsRequired: true}`) + `]}`, at("topics", "must have at most 1000 items")},
		"sasl without mechanism":        {`{` + broker + `, sasl: {secretRef: {name: s}}}`, at("sasl.mechanism", "Required value")},
		"sasl with another mechanism":   {`{` + broker + `, sasl: {mechanism: GSSAPI, secretRef: {name: s}}}`, at("sasl.mechanism", `"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"`)},
		"sasl without a Secret":         {`{` + broker + `, sasl: {mechanism: PLAIN}}`, at("sasl.secretRef", "Required value")},
		"sasl with a nameless Secret":   {`{` + broker + `, sasl: {mechanism: PLAIN, secretRef: {}}}`, at("sasl.secretRef.name", "Required value")},
	})
}

func (s server) testUnknownFields(t *testing.T) {
	for name, tc := range map[string]struct{ kind, spec, want string }{
		"a misspelt field of a workload": {v2beta1.KindClientIntents, `{workload: {nam: a, name: a}, targets: []}`, `unknown field "spec.workload.nam"`},
		"calls, from before version 2":   {v2beta1.KindClientIntents, `{workload: {name: a}, targets: [], calls: []}`, `unknown field "spec.calls"`},
		"a type beside the eight":        {v2beta1.KindClientIntents, `{workload: {name: a}, targets: [{http: {name: b}}]}`, `unknown field "spec.targets[0].http"`},
		"a Secret in another namespace":  {v2beta1.KindKafkaServerConfig, `{workload: {name: k}, sasl: {mechanism: PLAIN, secretRef: {name: s, namespace: n}}}`, `unknown field "spec.sasl.secretRef.namespace"`},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.tryCreate(t.Context(), object(t, tc.kind, tc.spec))
			if !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want a bad request with %q", err, tc.want)
			}
		})
	}
}

// text returns n letters.
func text(n int) string { return strings.Repeat("a", n) }

// list returns n times the item, separated by commas.
func list(n int, item string) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }

// targets returns the spec of a ClientIntents with n times the target.
func targets(n int, target string) string {
	return `{workload: {name: client}, targets: [` + list(n, target) + `]}`
}

// vault returns a target that is an Azure Key Vault with the policy.
func vault(policy string) string { return `{azure: {scope: /x, keyVaultPolicy: {` + policy + `}}}` }
