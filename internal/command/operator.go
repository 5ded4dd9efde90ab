package command

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/portolan-io/portolan/internal/role"
)

// operatorCommand plays the operator, in a pod or, with a kubeconfig, outside.
func operatorCommand(version string, env func(string) (string, bool)) *cobra.Command {
	options := role.DefaultOperatorOptions(version)
	if own, set := env("POD_NAMESPACE"); set { // as manifests name it
		options.Namespace = own
	}
	var logs logging
	cmd := &cobra.Command{
		Use: "operator", Short: "Role: keep the map, and reconcile intents into policies",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := options.Validate(); err != nil {
				return flagError{err}
			}
			config, err := ctrlconfig.GetConfig()
			if err != nil {
				return fmt.Errorf("no cluster configured: %w", err)
			}
			return logs.with(cmd, func(log *slog.Logger) error { return role.RunOperator(cmd.Context(), config, options, log) })
		},
	}
	options.AddFlags(cmd.Flags())
	logs.addFlags(cmd.Flags())
	return cmd
}
