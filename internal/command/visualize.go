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
	"github.com/portolan-io/portolan/internal/export/dot"
	"github.com/portolan-io/portolan/internal/export/svg"
	"github.com/portolan-io/portolan/internal/export/text"
)

// The formats that only visualize writes.
const (
	formatDOT = "dot"
	formatSVG = "svg"
)

// visualizeCommand draws the map.
func visualizeCommand(version string) *cobra.Command {
	v := &drawing{wanted: newSelection(version), format: newFormat(formatText, formatDOT, formatSVG, formatJSON)}
	cmd := &cobra.Command{
		Use: "visualize", Short: "Draw who calls whom",
		Example: "  portolan visualize -n shop -o shop.svg\n  portolan visualize --edges map.json --format dot | dot -Tpdf > map.pdf",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return v.run(cmd) },
	}
	v.wanted.addFlags(cmd)
	v.say.addFlags(cmd.Flags())
	cmd.Flags().Var(v.format, "format", "output format; default by the extension of --output-path, text without one")
	cmd.Flags().StringVarP(&v.path, "output-path", "o", "", "file to write; empty or - for standard output")
	return cmd
}

// drawing says how the map is drawn.
type drawing struct {
	wanted *selection
	say    notices
	format *oneOf
	path   string // empty or - for standard output
}

// standardOutput is the path that means it.
const standardOutput = "-"

func (v *drawing) run(cmd *cobra.Command) error {
	toStandard := v.path == "" || v.path == standardOutput
	if !toStandard && !cmd.Flags().Changed("format") {
		if err := formatOf(v.path, v.format); err != nil {
			return flagError{err}
		}
	}
	m, err := v.wanted.read(cmd, v.say)
	if err != nil {
		return err
	}
	m.Edges = v.wanted.named(m.Edges)
	switch {
	case len(m.Edges) == 0:
		v.say.sayf(cmd, nothingFound)
		return nil
	case toStandard:
		return emit(cmd, func(w io.Writer) error { return draw(w, m, v.format.value) })
	}
	var picture bytes.Buffer
	if err := draw(&picture, m, v.format.value); err != nil {
		return err
	}
	if err := writeFiles(cmd.Context(), map[string][]byte{v.path: picture.Bytes()}); err != nil {
		return err
	}
	v.say.sayf(cmd, "Exported graph as %s format to path %s", v.format.value, v.path)
	return nil
}

// formatOf takes the format from the extension of a path.
func formatOf(path string, format *oneOf) error {
	extension := strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))
	words := strings.Join(format.words, ", ")
	switch {
	case extension == "":
		return fmt.Errorf("path %s has no extension to take the format from: give --format, one of (%s)", path, words)
	case extension == "txt":
		extension = formatText
	case extension == "gv":
		extension = formatDOT
	case slices.Contains([]string{"png", "jpg", "jpeg"}, extension):
		return fmt.Errorf("%s pictures are not drawn: write svg, or dot and let Graphviz draw it", extension)
	}
	return format.Set(extension)
}

func draw(w io.Writer, m document.Map, format string) error {
	switch format {
	case formatDOT:
		return dot.Render(w, m.Edges)
	case formatSVG:
		return svg.Render(w, m.Edges)
	case formatJSON:
		return document.Write(w, m)
	default:
		return text.List(w, m.Edges)
	}
}
