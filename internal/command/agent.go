package command

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/internal/role"
)

// agentCommand plays the agent, in a pod.
func agentCommand(version string, env func(string) (string, bool)) *cobra.Command {
	options := role.DefaultAgentOptions(version)
	options.Agent.Node, _ = env("NODE_NAME") // as manifests name it
	options.Agent.Pod, _ = env("POD_NAME")
	var logs logging
	cmd := &cobra.Command{
		Use: "agent", Short: "Role: see the traffic of one node and tell the operator",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options.Output = cmd.OutOrStdout()
			if err := options.Validate(); err != nil {
				return flagError{err}
			}
			return logs.with(cmd, func(log *slog.Logger) error { return role.RunAgent(cmd.Context(), options, log) })
		},
	}
	options.AddFlags(cmd.Flags())
	logs.addFlags(cmd.Flags())
	return cmd
}
