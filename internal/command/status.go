package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/query"
)

// statusCommand says how Portolan is. The exit status is that of a finding when anything is degraded.
func statusCommand(version string) *cobra.Command {
	connection, format := newConnection(version), newFormat("table", formatJSON, formatYAML)
	var noHeaders bool
	cmd := &cobra.Command{
		Use: "status", Short: "Say how Portolan is; exit status 2 when anything is degraded",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := inspect(cmd, connection)
			if err != nil {
				return err
			}
			if err := emit(cmd, func(w io.Writer) error { return r.write(w, format.value, noHeaders) }); err != nil {
				return err
			}
			if r.Degraded {
				return errFinding
			}
			return nil
		},
	}
	connection.addFlags(cmd.Flags())
	cmd.Flags().Var(format, "format", "output format")
	cmd.Flags().VarP(format, "output", "o", "the same as --format")
	cmd.Flags().BoolVar(&noHeaders, "no-headers", false, "tables without the heading")
	return cmd
}

func inspect(cmd *cobra.Command, c *connection) (report, error) {
	var status query.Status
	var around installation
	err := c.ask(cmd, func(ctx context.Context, operator reached) error {
		var err error
		if status, err = operator.Status(ctx); err != nil {
			return err
		}
		around = installation{ready: operator.ready, pods: operator.pods}
		if operator.cluster != nil {
			around.crds = servesIntents(ctx, operator.cluster)
		}
		return c.fits(status.Version)
	})
	if err != nil {
		return report{}, err
	}
	return diagnose(status, around), nil
}

// servesIntents says whether the API server serves ClientIntents: yes, no, or unknown when it does not tell.
func servesIntents(ctx context.Context, cluster kubernetes.Interface) served {
	path := "/apis/" + v2beta1.GroupVersion().String()
	err := cluster.Discovery().RESTClient().Get().AbsPath(path).Do(ctx).Error()
	switch {
	case err == nil:
		return isServed
	case apierrors.IsNotFound(err):
		return isMissing
	default:
		return unknownServed
	}
}

// write writes the report: a table for people, or a document for programs.
func (r report) write(w io.Writer, format string, noHeaders bool) error {
	if format == "table" {
		return r.table(w, noHeaders)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if format == formatYAML {
		if text, err = yaml.JSONToYAML(text); err != nil {
			return err
		}
	}
	_, err = w.Write(text)
	return err
}

func (r report) table(w io.Writer, noHeaders bool) error {
	rows := [][]string{{"COMPONENT", "READY", "VERSION", "NOTE"}}
	for _, c := range r.Components {
		rows = append(rows, []string{c.Component, c.Ready, c.Version, strings.Join(c.Notes, "; ")})
	}
	if err := writeTable(w, rows, noHeaders); err != nil || len(r.Refused) == 0 {
		return err
	}
	fmt.Fprintln(w)
	rows = [][]string{{"REFUSED", "SOURCE", "COUNT", "MEANING", "EXAMPLE"}}
	for _, refusal := range r.Refused {
		rows = append(rows, []string{refusal.Reason, refusal.Source, strconv.FormatUint(refusal.Count, 10), refusal.Meaning, refusal.Example})
	}
	return writeTable(w, rows, noHeaders)
}

func writeTable(w io.Writer, rows [][]string, noHeaders bool) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	if noHeaders {
		rows = rows[1:]
	}
	for _, row := range rows {
		fmt.Fprintln(table, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	return table.Flush()
}
