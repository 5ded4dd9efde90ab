package command

import (
	"maps"
	"strings"
	"testing"
)

func TestTheEnvironmentSetsFlags(t *testing.T) {
	const all, pay = "cart in namespace shop calls:", "payment in namespace pay calls:\n  - api.bank.example (internet)\n"
	for name, tc := range map[string]struct {
		env      map[string]string
		line     string
		out, err string // begin the outputs
	}{
		"a flag by our name":                       {map[string]string{"PORTOLAN_NAMESPACE": "pay", "PORTOLAN_WITH_INTERNET": "true"}, "portolan list", pay, ""},
		"a flag by the name of Otterize":           {map[string]string{"OTTERIZE_NAMESPACES": "pay", "OTTERIZE_WITH_INTERNET": "true"}, "portolan list", pay, ""},
		"lists are separated by blanks as well":    {map[string]string{"PORTOLAN_NAMESPACE": "nope pay", "PORTOLAN_WITH_INTERNET": "1"}, "portolan list", pay, "Note: the map has no client in namespace nope\n"},
		"our name goes before theirs, with a note": {map[string]string{"PORTOLAN_NAMESPACE": "pay", "OTTERIZE_NAMESPACE": "shop", "PORTOLAN_WITH_INTERNET": "true"}, "portolan list", pay, "Note: PORTOLAN_NAMESPACE and OTTERIZE_NAMESPACE differ; PORTOLAN_NAMESPACE is used\n"},
		"no note where both say the same":          {map[string]string{"PORTOLAN_NAMESPACE": "pay", "OTTERIZE_NAMESPACE": "pay", "PORTOLAN_WITH_INTERNET": "true"}, "portolan list", pay, ""},
		"the command line goes before both":        {map[string]string{"PORTOLAN_NAMESPACE": "nope", "PORTOLAN_WITH_INTERNET": "true"}, "portolan list -n pay", pay, ""},
		"-A drops what is configured":              {map[string]string{"PORTOLAN_NAMESPACE": "nope"}, "portolan list -A", all, ""},
		"--server drops configured namespaces":     {map[string]string{"PORTOLAN_NAMESPACE": "nope"}, "portolan list --server payment.pay", "checkout in namespace shop calls:", ""},
		"-n drops a configured server":             {map[string]string{"PORTOLAN_SERVER": "nope.nope", "PORTOLAN_WITH_INTERNET": "true"}, "portolan list -n pay", pay, ""},
		"two that are configured do not fit":       {map[string]string{"PORTOLAN_SERVER": "a.b", "PORTOLAN_NAMESPACE": "c"}, "portolan list", "", "Error: server filter cannot be used with namespaces filter\n"},
		"a wrong value names the variable":         {map[string]string{"OTTERIZE_FORMAT": "png"}, "portolan list", "", "Error: OTTERIZE_FORMAT \"png\": unexpected output format png, use one of (text, table, wide, json, yaml)\nSee"},
		"a variable without a flag means nothing":  {map[string]string{"PORTOLAN_HELP": "true", "PORTOLAN_NO_SUCH": "x"}, "portolan list", all, ""},
		"the version as a flag":                    {map[string]string{"PORTOLAN_FORMAT": "png"}, "portolan --version", "Version: v1.4.0\nCommit: ", ""},
		"a variable is no such flag":               {map[string]string{"PORTOLAN_VERSION": "true"}, "portolan", "See who talks to whom", ""},
		"nor a wrong one":                          {map[string]string{"PORTOLAN_VERSION": "v9"}, "portolan", "See who talks to whom", ""},
		"version takes nothing from others":        {map[string]string{"PORTOLAN_FORMAT": "png"}, "portolan version", "Version: v1.4.0\nCommit: ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			scene := newScene(t, operatorOf(t, shop(t)))
			maps.Copy(scene.env, tc.env)
			got := scene.run(t.Context(), tc.line)
			if !strings.HasPrefix(got.out, tc.out) || !strings.HasPrefix(got.err, tc.err) || tc.err == "" && got.err != "" {
				t.Errorf("exit status %d\n%s%s", got.code, got.out, got.err)
			}
		})
	}
}

func TestRolesKnowWhatManifestsSet(t *testing.T) {
	scene := &scene{env: map[string]string{"NODE_NAME": "worker-7", "POD_NAME": "agent-x", "POD_NAMESPACE": "mine"}}
	agent := scene.run(t.Context(), "portolan agent --help").out
	operator := scene.run(t.Context(), "portolan operator --help").out
	for _, want := range []string{`(default "worker-7")`, `(default "agent-x")`} {
		if !strings.Contains(agent, want) {
			t.Errorf("help of the agent has no %s", want)
		}
	}
	if !strings.Contains(operator, `(default "mine")`) {
		t.Error("help of the operator does not show the namespace of its pod")
	}
}

func TestHelpIsNoFailure(t *testing.T) {
	for line, want := range map[string]string{
		"portolan":                         "  portolan [command]",
		"otterize":                         "  otterize [command]",
		"/usr/bin/kubectl-portolan":        "  kubectl portolan [command]",
		"portolan.exe":                     "  portolan [command]",
		"portolan network-mapper":          "  portolan network-mapper [command]",
		"portolan mapper list --help":      "  portolan network-mapper list [flags]",
		"portolan help export":             "  portolan export [flags]",
		"kubectl-portolan visualize -h":    "  kubectl portolan visualize [flags]",
		"portolan completion zsh":          "#compdef portolan",
		"portolan completion powershell":   "Register-ArgumentCompleter",
		"portolan __complete list --forma": "--format",
		"portolan api-version":             "Version: v1.4.0\n",
	} {
		t.Run(line, func(t *testing.T) {
			got := (&scene{}).run(t.Context(), line)
			if got.code != exitDone || !strings.Contains(got.out, want) {
				t.Errorf("exit status %d, no %q in\n%s%s", got.code, want, got.out, got.err)
			}
		})
	}
}
