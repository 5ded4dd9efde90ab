package command

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/export/text"
)

// listCommand prints the map.
func listCommand() *cobra.Command {
	wanted, format := newSelection(), newFormat("text", "table", "wide", "json", "yaml")
	var say notices
	var noHeaders bool
	cmd := &cobra.Command{
		Use: "list", Short: "List who calls whom",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, _, err := wanted.read(cmd)
			if err != nil {
				return err
			}
			if len(m.Edges) == 0 {
				say.sayf(cmd, nothingFound)
				if format.value != "json" && format.value != "yaml" {
					return nil
				}
			}
			return print(cmd, func(w io.Writer) error { return list(w, m, format.value, text.TableOptions{Now: time.Now(), NoHeaders: noHeaders}) })
		},
	}
	wanted.addFlags(cmd)
	say.addFlags(cmd.Flags())
	cmd.Flags().Var(format, "format", "output format")
	cmd.Flags().VarP(format, "output", "o", "the same as --format")
	cmd.Flags().BoolVar(&noHeaders, "no-headers", false, "tables without the heading")
	return cmd
}

func list(w io.Writer, m document.Map, format string, table text.TableOptions) error {
	switch format {
	case "json":
		return document.Write(w, m)
	case "yaml":
		return writeYAML(w, m)
	case "table":
		return text.Table(w, m.Edges, table)
	case "wide":
		table.Wide = true
		return text.Table(w, m.Edges, table)
	default:
		return text.List(w, m.Edges)
	}
}
