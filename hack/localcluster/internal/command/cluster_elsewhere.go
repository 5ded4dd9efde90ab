//go:build !linux

package command

import (
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

// addCluster adds the commands that are about a cluster. None of them can work here.
func addCluster(root *cobra.Command, _ io.Writer) error {
	root.AddCommand(elsewhere(runtime.GOOS)...)
	return nil
}
