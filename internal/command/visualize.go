package command

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/export/text"
)

// visualizeCommand draws the map.
func visualizeCommand() *cobra.Command {
	wanted, format := newSelection(), newFormat("text", "json")
	var say notices
	var path string
	cmd := &cobra.Command{
		Use: "visualize", Short: "Draw who calls whom",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := chooseFormat(format, path, cmd.Flags().Changed("format")); err != nil {
				return err
			}
			m, _, err := wanted.read(cmd)
			if err != nil {
				return err
			}
			if len(m.Edges) == 0 {
				say.sayf(cmd, nothingFound)
				return nil
			}
			if path == "" || path == standardOutput {
				return print(cmd, func(w io.Writer) error { return draw(w, m, format.value) })
			}
			var picture bytes.Buffer
			if err := draw(&picture, m, format.value); err != nil {
				return err
			}
			if err := writeFiles(cmd.Context(), map[string][]byte{path: picture.Bytes()}); err != nil {
				return err
			}
			say.sayf(cmd, "Exported graph as %s format to path %s", format.value, path)
			return nil
		},
	}
	wanted.addFlags(cmd)
	say.addFlags(cmd.Flags())
	cmd.Flags().Var(format, "format", "output format; default by the extension of --output-path, text without one")
	cmd.Flags().StringVarP(&path, "output-path", "o", "", "file to write; empty or - for standard output")
	return cmd
}

// standardOutput is the path that means it.
const standardOutput = "-"

// chooseFormat takes the format from the extension of the path, unless a flag gave it.
func chooseFormat(format *oneOf, path string, given bool) error {
	if given || path == "" || path == standardOutput {
		return nil
	}
	extension := strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))
	switch {
	case extension == "":
		return flagError{fmt.Errorf("path %s has no extension to take the format from: give --format, one of (%s)", path, strings.Join(format.words, ", "))}
	case extension == "txt":
		extension = "text"
	case extension == "gv":
		extension = "dot"
	case !slices.Contains(format.words, extension) && slices.Contains([]string{"png", "jpg", "jpeg"}, extension):
		return flagError{fmt.Errorf("%s pictures are not drawn: use one of (%s)", extension, strings.Join(format.words, ", "))}
	}
	return format.Set(extension)
}

func draw(w io.Writer, m document.Map, format string) error {
	switch format {
	case "json":
		return document.Write(w, m)
	default:
		return text.List(w, m.Edges)
	}
}
