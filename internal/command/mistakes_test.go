package command

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMistakesGetAClearError types what is wrong and holds the whole of standard error against the words. Standard output
// stays empty.
func TestMistakesGetAClearError(t *testing.T) {
	const seeList = "See \"portolan list --help\".\n"
	for line, want := range map[string]string{
		"portolan foo":                                      "Error: unknown command or argument \"foo\" for \"portolan\"\nSee \"portolan --help\".\n",
		"portolan lst":                                      "Error: unknown command or argument \"lst\" for \"portolan\"\nHint: did you mean \"portolan list\"?\n",
		"portolan network-mapper foo":                       "Error: unknown command or argument \"foo\" for \"portolan network-mapper\"\nSee \"portolan network-mapper --help\".\n",
		"portolan mapper exprt":                             "Error: unknown command or argument \"exprt\" for \"portolan network-mapper\"\nHint: did you mean \"portolan network-mapper export\"?\n",
		"portolan list shop":                                "Error: unknown command or argument \"shop\" for \"portolan list\"\n" + seeList,
		"portolan version --cluster":                        "Error: unknown flag: --cluster\nSee \"portolan version --help\".\n",
		"portolan clientintents export":                     "Error: \"clientintents export\" needs Otterize Cloud. Use \"portolan export\" for what was seen, \"kubectl get clientintents\" for what is declared.\n",
		"portolan login":                                    "Error: \"login\" needs Otterize Cloud. Portolan keeps everything in the cluster and needs no account.\n",
		"/usr/bin/otterize access-graph":                    "Error: \"access-graph\" needs Otterize Cloud. Use \"portolan list\" or \"portolan visualize\".\n",
		"/x/kubectl-portolan list --nope":                   "Error: unknown flag: --nope\nSee \"kubectl portolan list --help\".\n",
		"portolan list --nope":                              "Error: unknown flag: --nope\n" + seeList,
		"portolan list -n":                                  "Error: flag needs an argument: 'n' in -n\n" + seeList,
		"portolan list --format csv":                        "Error: unexpected output format csv, use one of (text, table, wide, json, yaml)\n" + seeList,
		"portolan export --format text":                     "Error: unexpected output format text, use one of (yaml, json)\nSee \"portolan export --help\".\n",
		"portolan status -o text":                           "Error: unexpected output format text, use one of (table, json, yaml)\nSee \"portolan status --help\".\n",
		"portolan export --header maybe":                    "Error: unexpected header maybe, use one of (auto, always, never)\nSee \"portolan export --help\".\n",
		"portolan export --output-type x":                   "Error: unexpected output type x, use one of (single-file, dir)\nSee \"portolan export --help\".\n",
		"portolan export --output-type dir":                 "Error: flag --output-type requires --output to specify output path\nSee \"portolan export --help\".\n",
		"portolan export --merge":                           "Error: unknown flag: --merge\nSee \"portolan export --help\".\n",
		"portolan list --server a.b -n c":                   "Error: server filter cannot be used with namespaces filter\n" + seeList,
		"portolan list --server payment":                    "Error: server \"payment\": want name.namespace\n" + seeList,
		"portolan list --server payment.":                   "Error: server \"payment.\": want name.namespace\n" + seeList,
		"portolan list --server .pay":                       "Error: server \".pay\": want name.namespace\n" + seeList,
		"portolan list --server payment.Pay!":               "Error: server \"payment.Pay!\": want name.namespace\n" + seeList,
		"portolan list -n Bad_NS!":                          "Error: namespace \"Bad_NS!\": want the name of a namespace, of at most 63 of a-z, 0-9 and '-'\n" + seeList,
		"portolan export -n shop,a.b":                       "Error: namespace \"a.b\": want the name of a namespace, of at most 63 of a-z, 0-9 and '-'\nSee \"portolan export --help\".\n",
		"portolan list --since yesterday":                   "Error: since \"yesterday\": want a duration such as 24h or 7d, a time such as 2026-11-20T07:00:00Z, or a date such as 2026-11-20\n" + seeList,
		"portolan list --until -5m":                         "Error: until \"-5m\": want a duration such as 24h or 7d, a time such as 2026-11-20T07:00:00Z, or a date such as 2026-11-20\n" + seeList,
		"portolan list --timeout soon":                      "Error: timeout \"soon\": time: invalid duration \"soon\"\n" + seeList,
		"portolan list --timeout -1s":                       "Error: timeout -1s: want 0 or more\n" + seeList,
		"portolan list --mapper-service-port 70000":         "Error: mapper-service-port 70000: want 1 to 65535\n" + seeList,
		"portolan list --address http://127.0.0.1:9":        "Error: address \"http://127.0.0.1:9\": want https://host:port\n" + seeList,
		"portolan list --address 127.0.0.1:9443":            "Error: address \"127.0.0.1:9443\": want https://host:port\n" + seeList,
		"portolan list --address https://u:p@h:1":           "Error: address \"https://u:p@h:1\": want https://host:port\n" + seeList,
		"portolan list --address '' --ca-file x":            "Error: flag --ca-file needs --address\n" + seeList,
		"portolan list --ca-file missing":                   "Error: reading --ca-file: open missing: no such file or directory\n",
		"portolan list --ca-file notes.txt":                 "Error: reading --ca-file: notes.txt holds no certificate in PEM form\n",
		"portolan list --token-file missing":                "Error: reading --token-file: open missing: no such file or directory\n",
		"portolan list --token-file empty.txt":              "Error: reading --token-file: empty.txt is empty\n",
		"portolan list --token-file notes.txt":              "Error: operator answered 401: the token is not valid; pass one of this cluster with --token-file\n",
		"portolan list --edges notes.txt":                   "Error: reading --edges notes.txt: this is not a graph document: invalid character 'o' in literal null (expecting 'u')\n",
		"portolan list --edges missing.json":                "Error: reading --edges: open missing.json: no such file or directory\n",
		"portolan visualize -o map":                         "Error: path map has no extension to take the format from: give --format, one of (text, dot, svg, json)\nSee \"portolan visualize --help\".\n",
		"portolan visualize -o map.png":                     "Error: png pictures are not drawn: write svg, or dot and let Graphviz draw it\nSee \"portolan visualize --help\".\n",
		"portolan visualize -o map.pdf":                     "Error: unexpected output format pdf, use one of (text, dot, svg, json)\nSee \"portolan visualize --help\".\n",
		"portolan visualize -o folder --format svg":         "Error: writing folder: it is a directory\n",
		"portolan visualize -o missing/map.svg":             "Error: writing missing/map.svg: no such file or directory\n",
		"portolan export -o notes.txt/":                     "Error: writing notes.txt/: it is not a directory\n",
		"portolan export -o missing/deep/intents.yaml":      "Error: writing missing/deep/intents.yaml: no such file or directory\n",
		"portolan operator --mode off":                      "Error: mode: valid values are defaultActive and defaultShadow, but you specified \"off\"\nSee \"portolan operator --help\".\n",
		"portolan operator --log-level loud --kubeconfig x": "Error: unknown flag: --kubeconfig\nSee \"portolan operator --help\".\n",
	} {
		t.Run(line, func(t *testing.T) {
			scene := newScene(t, operatorOf(t, shop(t)))
			write(t, "notes.txt", "not a map")
			write(t, "empty.txt", "\n")
			mkdir(t, "folder")
			got := scene.run(t.Context(), line)
			if diff := cmp.Diff(got, result{err: want, code: exitFailed}, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("result (-got +want):\n%s", diff)
			}
		})
	}
}
