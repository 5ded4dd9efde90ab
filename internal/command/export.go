package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/export/intents"
	"github.com/portolan-io/portolan/internal/identity"
)

// exporting says how ClientIntents are written.
type exporting struct {
	wanted  *selection
	say     notices
	version string

	format, outputType, header *oneOf
	path                       string // empty or - for standard output
}

// The output types and headers.
const (
	singleFile   = "single-file"
	directory    = "dir"
	headerAuto   = "auto"
	headerAlways = "always"
	headerNever  = "never"
)

// exportCommand writes the map as ClientIntents.
func exportCommand(version string) *cobra.Command {
	e := &exporting{
		wanted: newSelection(version), version: version, format: newFormat(formatYAML, formatJSON),
		outputType: &oneOf{value: singleFile, words: []string{singleFile, directory}, what: "output type"},
		header:     &oneOf{value: headerAuto, words: []string{headerAuto, headerAlways, headerNever}, what: "header"},
	}
	e.wanted.whole = true
	cmd := &cobra.Command{
		Use: "export", Short: "Write the map as ClientIntents",
		Example: "  portolan export -n shop -o intents/\n  portolan export --server payment.pay | kubectl apply -f -",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.run(cmd) },
	}
	e.wanted.addFlags(cmd)
	e.say.addFlags(cmd.Flags())
	cmd.Flags().Var(e.format, "format", "output format")
	cmd.Flags().StringVarP(&e.path, "output", "o", "", "file or directory to write; empty or - for standard output")
	cmd.Flags().Var(e.outputType, "output-type", "one file, or a file per workload; an existing directory or a trailing / means dir")
	cmd.Flags().Var(e.header, "header", "comment that says where the YAML comes from; auto writes it into files only")
	return cmd
}

func (e *exporting) run(cmd *cobra.Command) error {
	if cmd.Flags().Changed("output-type") && e.toStandard() {
		return flagError{errors.New("flag --output-type requires --output to specify output path")}
	}
	m, err := e.wanted.read(cmd, notices{}) // a young map is told even to those who are quiet: a policy may rest on it
	if err != nil {
		return err
	}
	objects, left := intents.Declare(m.Edges, intents.Options{
		AsServices: e.wanted.asServices, WithInternet: e.wanted.withInternet, DNS: intents.DNSServers(m.Edges),
	})
	h := harvest{from: m, objects: objects}
	if !e.wanted.withInternet {
		h.outside = intents.Outside(m.Edges)
	}
	e.tell(cmd, left)
	if err := e.output(cmd, h); err != nil {
		return err
	}
	if peers := h.leftOutside(); peers > 0 {
		e.say.sayf(cmd, "%s", intents.LeftOutside(peers))
	}
	return nil
}

// output writes the objects to where they are wanted.
func (e *exporting) output(cmd *cobra.Command, h harvest) error {
	if len(h.objects) == 0 {
		e.say.sayf(cmd, nothingFound)
	}
	switch {
	case e.toStandard():
		p := page{h.objects, e.headerOf(h.from, h.leftOutside(), e.header.value == headerAlways)}
		return emit(cmd, func(w io.Writer) error { return e.write(w, p) })
	case len(h.objects) == 0: // an empty map is no reason to empty a file
		return nil
	case e.intoDirectory():
		return e.writeDirectory(cmd, h)
	default:
		return e.writeFile(cmd, h)
	}
}

func (e *exporting) toStandard() bool { return e.path == "" || e.path == standardOutput }

// harvest is what an export makes of a map, and what it leaves out by itself.
type harvest struct {
	from    document.Map
	objects []*v2beta1.ClientIntents
	outside map[identity.Workload]int // peers outside of the cluster that are left out, by client
}

func (h harvest) leftOutside() (peers int) {
	for _, n := range h.outside {
		peers += n
	}
	return peers
}

// page is the content of one file.
type page struct {
	objects []*v2beta1.ClientIntents
	header  *intents.Header // nil for none
}

// maxTold is how many pairs that are left out are named one by one.
const maxTold = 10

// tell says what was seen and is not in the output although it is wanted there. It is no notice that --quiet may drop: a
// policy may rest on it.
func (e *exporting) tell(cmd *cobra.Command, left []intents.Left) {
	for _, l := range left[:min(len(left), maxTold)] {
		fmt.Fprintf(cmd.ErrOrStderr(), "Warning: %s -> %s is left out: %s\n", l.Client, l.Server, l.Why)
	}
	if more := len(left) - maxTold; more > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "Warning: %d more connections are left out\n", more)
	}
}

func (e *exporting) headerOf(m document.Map, outside int, wanted bool) *intents.Header {
	if !wanted {
		return nil
	}
	return &intents.Header{
		Version: e.version, Cluster: m.Cluster, From: m.Window.From, To: m.Window.To, Completeness: m.Window.Completeness(),
		Outside: outside,
	}
}

func (e *exporting) write(w io.Writer, p page) error {
	if e.format.value == formatJSON {
		return intents.MarshalJSON(w, p.objects)
	}
	return intents.Marshal(w, p.objects, p.header)
}

// intoDirectory reports whether the path is one: by the flag, by its last character, or because it is there.
func (e *exporting) intoDirectory() bool {
	if e.outputType.value == directory || strings.HasSuffix(e.path, "/") || strings.HasSuffix(e.path, string(filepath.Separator)) {
		return true
	}
	there, err := os.Stat(e.path)
	return err == nil && there.IsDir()
}

func (e *exporting) writeFile(cmd *cobra.Command, h harvest) error {
	changes, err := e.plan(map[string]page{
		e.path: {h.objects, e.headerOf(h.from, h.leftOutside(), e.header.value != headerNever)},
	})
	if err != nil {
		return err
	}
	if err := writeFiles(cmd.Context(), changes.texts); err != nil {
		return err
	}
	e.say.sayf(cmd, "Successfully wrote intents into %s", e.path)
	return nil
}

func (e *exporting) writeDirectory(cmd *cobra.Command, h harvest) error {
	files := make(map[string]page, len(h.objects))
	for i, name := range intents.FileNames(h.objects) {
		outside := h.outside[clientOf(h.objects[i])]
		files[filepath.Join(e.path, name+"."+e.format.value)] = page{
			h.objects[i : i+1], e.headerOf(h.from, outside, e.header.value != headerNever),
		}
	}
	if there, err := os.Stat(filepath.Clean(e.path)); err == nil && !there.IsDir() {
		return fmt.Errorf("writing %s: it is not a directory", e.path)
	}
	if err := os.MkdirAll(e.path, newDirectoryMode); err != nil {
		return unwritable(e.path, err)
	}
	changes, err := e.plan(files)
	if err != nil {
		return err
	}
	if err := writeFiles(cmd.Context(), changes.texts); err != nil {
		return err
	}
	e.say.sayf(cmd, "Successfully wrote intents into %s", e.path)
	e.say.sayf(cmd, "%d added, %d changed, %d unchanged, 0 removed", changes.added, changes.changed, changes.unchanged)
	return nil
}

// clientOf returns the workload that an object declares for.
func clientOf(object *v2beta1.ClientIntents) identity.Workload {
	client := object.Spec.Workload
	return identity.Workload{Namespace: object.Namespace, Kind: client.Kind, Name: client.Name}
}

// changes are the files to write. A file that says the same already is not among them, so that its header keeps telling
// the evidence behind the last real change.
type changes struct {
	texts                     map[string][]byte
	added, changed, unchanged int
}

func (e *exporting) plan(files map[string]page) (changes, error) {
	c := changes{texts: make(map[string][]byte, len(files))}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		there, err := readRegular(path)
		if err != nil {
			return changes{}, fmt.Errorf("reading %s: %w", path, err)
		}
		if there != nil && intents.Same(there, files[path].objects) {
			c.unchanged++
			continue
		}
		var text bytes.Buffer
		if err := e.write(&text, files[path]); err != nil {
			return changes{}, err
		}
		c.texts[path] = text.Bytes()
		if there == nil {
			c.added++
		} else {
			c.changed++
		}
	}
	return c, nil
}
