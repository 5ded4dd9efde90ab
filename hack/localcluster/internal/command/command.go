// Package command is the command line of localcluster: it turns arguments into calls of package cluster and package image.
//
// It must not do any work of its own. A cluster needs Linux; elsewhere the commands that are about one say so.
package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Run runs one command and returns its exit code. Results go to out, progress and errors to progress.
func Run(ctx context.Context, args []string, out, progress io.Writer) int {
	root, err := newRoot(out, progress) //nolint:contextcheck // commands get the context when they run
	if err == nil {
		root.SetArgs(args)
		err = root.ExecuteContext(ctx)
	}
	if err != nil {
		_, _ = fmt.Fprintf(progress, "localcluster: %v\n", err)
		return 1
	}
	return 0
}

// newRoot returns the command with all others below it.
func newRoot(out, progress io.Writer) (*cobra.Command, error) {
	root := &cobra.Command{
		Use:               "localcluster",
		Short:             "A real one-node Kubernetes cluster on this host",
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetOut(out)
	root.SetErr(progress)
	root.AddCommand(newImage())
	return root, addCluster(root, progress)
}
