package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/internal/query"
)

// statusCommand says how Portolan is.
func statusCommand() *cobra.Command {
	reach := newConnection()
	cmd := &cobra.Command{
		Use: "status", Short: "Say how Portolan is",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := reach.validate(); err != nil {
				return err
			}
			var status query.Status
			err := reach.ask(cmd.Context(), func(ctx context.Context, client *query.Client) error {
				var err error
				status, err = client.Status(ctx)
				return err
			})
			if err != nil {
				return err
			}
			return print(cmd, func(w io.Writer) error { _, err := fmt.Fprintf(w, "%+v\n", status); return err })
		},
	}
	reach.addFlags(cmd.Flags())
	return cmd
}
