package command

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/internal/export/document"
)

// notices are what a command says beside its data, on standard error.
type notices struct {
	quiet bool
}

func (n *notices) addFlags(fs *pflag.FlagSet) {
	fs.BoolVarP(&n.quiet, "quiet", "q", false, "leave out notices; errors stay")
}

func (n *notices) sayf(cmd *cobra.Command, format string, args ...any) {
	if !n.quiet {
		fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
	}
}

// nothingFound is the notice for an empty map.
const nothingFound = "No connections found."

// emit writes to standard output what render writes, all of it or nothing.
func emit(cmd *cobra.Command, render func(io.Writer) error) error {
	var text bytes.Buffer
	if err := render(&text); err != nil {
		return err
	}
	if _, err := text.WriteTo(cmd.OutOrStdout()); err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	return nil
}

// writeYAML writes the graph document as YAML.
func writeYAML(w io.Writer, m document.Map) error {
	var text bytes.Buffer
	if err := document.Write(&text, m); err != nil {
		return err
	}
	converted, err := yaml.JSONToYAML(text.Bytes())
	if err != nil {
		return err
	}
	_, err = w.Write(converted)
	return err
}
