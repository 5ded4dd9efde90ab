package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/hack/localcluster/internal/cluster"
)

// defaultTimeout is far above what `up` needs on two processors, so that only a real fault meets it.
const defaultTimeout = 3 * time.Minute

// addCluster adds the commands that are about a cluster, and the flags that they share.
func addCluster(root *cobra.Command, progress io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	o := &cluster.Options{Name: "portolan", Timeout: defaultTimeout, Programs: filepath.Dir(self), Progress: progress}
	flags := root.PersistentFlags()
	flags.StringVar(&o.Name, "name", o.Name, "name of the cluster")
	flags.DurationVar(&o.Timeout, "timeout", o.Timeout, "longest time that the command may take")
	root.AddCommand(newUp(o), newDown(o), newStatus(o), newLoad(o), newKubeconfig(o), newExec(o), newKeep(o))
	return nil
}

func newUp(o *cluster.Options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the cluster, or repair it; a cluster that works is left alone",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cluster.Up(cmd.Context(), *o) },
	}
	cmd.Flags().StringVar(&o.Dir, "dir", o.Dir, "absolute path of the state folder (default "+cluster.Home+"/NAME)")
	cmd.Flags().StringVar(&o.Range, "cidr", o.Range, "IPv4 range of pods, Services and the link to the host (default: the first free of 10.85.0.0/16 to 10.99.0.0/16)")
	cmd.Flags().BoolVar(&o.IPv6, "ipv6", o.IPv6, "give pods and Services IPv6 addresses beside IPv4")
	return cmd
}

func newDown(o *cluster.Options) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Remove the cluster and all it made on this host",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cluster.Down(cmd.Context(), *o) },
	}
}

func newStatus(o *cluster.Options) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say which parts of the cluster work; exit 1 if any does not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := cluster.Open(*o)
			if err != nil {
				return err
			}
			return printStatus(cmd.OutOrStdout(), c, c.Status(cmd.Context()))
		},
	}
}

// printStatus writes a line for each part.
func printStatus(w io.Writer, c *cluster.Cluster, parts []cluster.Part) error {
	var err error
	line := func(name, state string) { _, _ = fmt.Fprintf(w, "%-24s %s\n", name, state) }
	line("cluster", fmt.Sprintf("%s at %s, API server %s, state in %s", c.Name, c.Range, c.APIServer(), c.Dir))
	for _, part := range parts {
		switch {
		case part.Err != nil:
			line(part.Name, part.Err.Error())
			err = cluster.ErrDegraded
		case part.PID != 0:
			line(part.Name, fmt.Sprintf("running, process %d", part.PID))
		default:
			line(part.Name, "ready")
		}
	}
	return err
}

func newLoad(o *cluster.Options) *cobra.Command {
	return &cobra.Command{
		Use:   "load IMAGE.tar",
		Short: "Give the images of an archive to the node; pods use them with imagePullPolicy Never",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := cluster.Open(*o)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), o.Timeout)
			defer cancel()
			names, err := c.Load(ctx, args[0])
			for _, name := range names {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return err
		},
	}
}

func newKubeconfig(o *cluster.Options) *cobra.Command {
	return &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print a kubeconfig of an administrator, for use on this host or in the cluster's network",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := cluster.Open(*o)
			if err != nil {
				return err
			}
			text, err := c.Kubeconfig()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}

func newExec(o *cluster.Options) *cobra.Command {
	return &cobra.Command{
		Use:   "exec -- CMD [ARG...]",
		Short: "Run a command in the cluster's network, with KUBECONFIG set",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := cluster.Open(*o)
			if err != nil {
				return err
			}
			return c.Run(args, os.Environ())
		},
	}
}

// newKeep is what `up` runs in the machine, not a user.
func newKeep(o *cluster.Options) *cobra.Command {
	return &cobra.Command{
		Use:    "keep",
		Short:  "Keep the components running",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE:   func(cmd *cobra.Command, _ []string) error { return cluster.Keep(cmd.Context(), *o) },
	}
}
