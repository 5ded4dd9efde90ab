package command

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/portolan-io/portolan/internal/export/document"
	"sigs.k8s.io/yaml"
)

// oneOf is a flag that takes one of some words.
type oneOf struct {
	value string
	words []string
	what  string // the thing that has these words, for the error
}

func newFormat(words ...string) *oneOf {
	return &oneOf{value: words[0], words: words, what: "output format"}
}

// Set implements pflag.Value.
func (o *oneOf) Set(text string) error {
	if !slices.Contains(o.words, text) {
		return unexpectedError{fmt.Errorf("unexpected %s %s, use one of (%s)", o.what, text, strings.Join(o.words, ", "))}
	}
	o.value = text
	return nil
}

// String implements pflag.Value.
func (o *oneOf) String() string { return o.value }

// Type implements pflag.Value.
func (o *oneOf) Type() string { return strings.Join(o.words, "|") }

// unexpectedError is a word that a flag does not know. Its text is the whole message, as scripts expect it.
type unexpectedError struct{ error }

// Unwrap returns the error itself.
func (u unexpectedError) Unwrap() error { return u.error }

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

// print writes to standard output what render writes, all of it or nothing.
func print(cmd *cobra.Command, render func(io.Writer) error) error {
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
