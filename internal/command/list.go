package command

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/export/text"
)

// The formats that several commands write.
const (
	formatText = "text"
	formatJSON = "json"
	formatYAML = "yaml"
)

// listCommand prints the map.
func listCommand(version string) *cobra.Command {
	wanted := newSelection(version)
	format := newFormat(formatText, "table", "wide", formatJSON, formatYAML)
	var say notices
	var noHeaders bool
	cmd := &cobra.Command{
		Use: "list", Short: "List who calls whom",
		Example: "  portolan list -n shop,pay\n  portolan list --format wide --since 24h --with-internet\n  portolan list --server payment.pay",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := wanted.read(cmd, say)
			if err != nil {
				return err
			}
			m.Edges = wanted.named(m.Edges)
			if len(m.Edges) == 0 {
				say.sayf(cmd, nothingFound)
			}
			table := text.TableOptions{Now: now(m), NoHeaders: noHeaders || len(m.Edges) == 0}
			return emit(cmd, func(w io.Writer) error { return list(w, m, format.value, table) })
		},
	}
	wanted.addFlags(cmd)
	cmd.Flags().Var(&wanted.at, "at", "the map as it was then, from the history: a duration such as 24h or 7d, a time in RFC 3339 form, or a date, which begins in UTC")
	say.addFlags(cmd.Flags())
	cmd.Flags().Var(format, "format", "output format")
	cmd.Flags().VarP(format, "output", "o", "the same as --format")
	cmd.Flags().BoolVar(&noHeaders, "no-headers", false, "tables without the heading")
	return cmd
}

// now is the moment that ages in a table count from: that of the answer, by the operator's clock.
func now(m document.Map) time.Time {
	if m.Window.To.IsZero() {
		return time.Now()
	}
	return m.Window.To
}

func list(w io.Writer, m document.Map, format string, table text.TableOptions) error {
	switch format {
	case formatJSON:
		return document.Write(w, m)
	case formatYAML:
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
