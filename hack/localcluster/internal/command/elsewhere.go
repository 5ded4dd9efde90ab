package command

import (
	"fmt"

	"github.com/spf13/cobra"
)

// elsewhere returns the commands that are about a cluster, on a system that is not Linux: each says what it needs, whatever its
// arguments are.
func elsewhere(system string) []*cobra.Command {
	var all []*cobra.Command
	for _, name := range []string{"up", "down", "status", "load", "kubeconfig", "exec"} {
		all = append(all, &cobra.Command{
			Use:                name,
			Short:              "Needs Linux",
			DisableFlagParsing: true,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return fmt.Errorf("%s: the local cluster needs Linux, for example in a virtual machine; this is %s", cmd.Name(), system)
			},
		})
	}
	return all
}
