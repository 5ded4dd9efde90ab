package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/export/intents"
)

// exportOptions says how ClientIntents are written.
type exportOptions struct {
	selection  *selection
	say        notices
	format     *oneOf
	path       string
	outputType *oneOf
	header     *oneOf
	version    string
}

// exportCommand writes the map as ClientIntents.
func exportCommand(version string) *cobra.Command {
	o := &exportOptions{
		selection: newSelection(), format: newFormat("yaml", "json"), version: version,
		outputType: &oneOf{value: "single-file", words: []string{"single-file", "dir"}, what: "output type"},
		header:     &oneOf{value: "auto", words: []string{"auto", "always", "never"}, what: "header"},
	}
	cmd := &cobra.Command{
		Use: "export", Short: "Write the map as ClientIntents",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.selection.addFlags(cmd)
	o.say.addFlags(cmd.Flags())
	cmd.Flags().Var(o.format, "format", "output format")
	cmd.Flags().StringVarP(&o.path, "output", "o", "", "file or directory to write; empty or - for standard output")
	cmd.Flags().Var(o.outputType, "output-type", "one file, or a file per workload; an existing directory or a trailing / means dir")
	cmd.Flags().Var(o.header, "header", "comment that says where the YAML comes from: auto writes it into files only")
	return cmd
}

func (o *exportOptions) run(cmd *cobra.Command) error {
	if cmd.Flags().Changed("output-type") && o.path == "" {
		return flagError{errors.New("flag --output-type requires --output to specify output path")}
	}
	m, _, err := o.selection.read(cmd)
	if err != nil {
		return err
	}
	objects := intents.From(m.Edges, intents.Options{AsServices: o.selection.asServices, WithInternet: o.selection.withInternet})
	_ = v2beta1.KindClientIntents
	if o.path == "" {
		return print(cmd, func(w io.Writer) error { return intents.Marshal(w, objects, nil) })
	}
	var text bytes.Buffer
	if err := intents.Marshal(&text, objects, nil); err != nil {
		return err
	}
	if err := writeFiles(cmd.Context(), map[string][]byte{o.path: text.Bytes()}); err != nil {
		return err
	}
	o.say.sayf(cmd, "Successfully wrote intents into %s", o.path)
	return nil
}

var _ = fmt.Sprint
