package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/query"
)

// resetCommand clears the map. Where a person types, it asks first; a script means it.
func resetCommand(version string, typed bool) *cobra.Command {
	connection := newConnection(version)
	connection.signsIn = true
	var namespaces names
	var everywhere, yes bool
	var say notices
	cmd := &cobra.Command{
		Use: "reset", Short: "Clear the map and its history, or that of some namespaces",
		Long: "Clear the map and its history, or that of some namespaces. Intents and policies stay as they are.\n\n" +
			"It takes a bearer token whose user has the ClusterRole portolan-map-resetter: that of the kubeconfig, or one of --token-file.",
		Example: "  portolan reset -n shop,pay\n  portolan reset --yes --token-file token",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkCleared(cmd, namespaces, everywhere); err != nil {
				return err
			}
			if everywhere {
				namespaces = nil
			}
			if typed && !yes {
				if err := confirm(cmd, connection, namespaces); err != nil {
					return err
				}
			}
			return connection.ask(cmd, func(ctx context.Context, operator reached) error {
				edges, err := operator.Reset(ctx, namespaces)
				if err == nil && typed {
					say.sayf(cmd, "%d edges are cleared.", edges)
				}
				return err
			})
		},
	}
	connection.addFlags(cmd.Flags())
	cmd.Flags().VarP(&namespaces, "namespace", "n", "namespaces of the clients whose edges are cleared, separated by commas or blanks; may be repeated; default all")
	cmd.Flags().BoolVarP(&everywhere, "all-namespaces", "A", false, "all namespaces, whatever else is configured")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	say.addFlags(cmd.Flags())
	return cmd
}

// checkCleared refuses what can be the name of no namespace. An empty list that was typed, as an unset variable makes it, does
// not mean all.
func checkCleared(cmd *cobra.Command, namespaces names, everywhere bool) error {
	if len(namespaces) == 0 && !everywhere && cmd.Flags().Changed("namespace") {
		return flagError{errors.New("namespace \"\": is empty; leave the flag out, or pass -A, to clear all")}
	}
	return checkNamespaces(namespaces)
}

// confirm asks the person who types, and returns an error unless the answer is yes.
func confirm(cmd *cobra.Command, c *connection, namespaces names) error {
	var basis query.Basis
	var edges []graph.Edge
	err := c.ask(cmd, func(ctx context.Context, operator reached) (err error) {
		if basis, edges, err = operator.Edges(ctx, graph.Filter{Namespaces: namespaces}); err != nil {
			return err
		}
		return c.fits(basis.Version)
	})
	if err != nil {
		return err
	}
	where := ""
	if len(namespaces) > 0 {
		where = " of " + strings.Join(slices.Sorted(slices.Values(namespaces)), ", ")
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Clear %d edges%s of cluster %s? [y/N] ", len(edges), where, shortID(basis.Cluster))
	answer, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	default:
		return errors.New("nothing is cleared: the answer was not yes")
	}
}

// shortID returns the beginning of a UID, by which people know it.
func shortID(uid string) string {
	first, _, _ := strings.Cut(uid, "-")
	if first == "" {
		return "unknown"
	}
	return first
}
