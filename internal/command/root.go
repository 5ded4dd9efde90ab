// Package command is the command line: one file per verb, each a thin shell over the rooms that do the work.
//
// It must not decide who may talk to whom or draw anything itself. Data goes to standard output; notices and errors go to
// standard error.
package command

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// The exit statuses.
const (
	exitDone    = 0
	exitFailed  = 1
	exitFinding = 2   // the question was answered, and the answer is a finding
	exitStopped = 130 // interrupted
)

// Run runs one command line and returns the exit status. args[0] is the name of the program.
func Run(ctx context.Context, version string, args []string) int {
	return run(ctx, version, args, surroundings{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv, typed: term.IsTerminal(int(os.Stdin.Fd())),
	})
}

// surroundings are where a command reads and writes.
type surroundings struct {
	in       io.Reader
	out, err io.Writer
	env      func(name string) (value string, set bool)
	typed    bool // a person types what comes in
}

func run(ctx context.Context, version string, args []string, s surroundings) int {
	root := newRoot(version, programName(args), s) //nolint:contextcheck // commands get the context when they run
	root.SetArgs(args[min(1, len(args)):])
	failed, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errFinding):
		return exitFinding
	case ctx.Err() != nil:
		tellFailure(s.err, failed, errInterrupted)
		return exitStopped
	}
	tellFailure(s.err, failed, err)
	return exitFailed
}

// programName is how help names the program: also when it runs as a kubectl plug-in or under another name.
func programName(args []string) string {
	if len(args) == 0 {
		return "portolan"
	}
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	if plugin, isPlugin := strings.CutPrefix(name, "kubectl-"); isPlugin {
		return "kubectl " + plugin
	}
	if name == "otterize" {
		return name
	}
	return "portolan"
}

// The groups of commands, as help lists them.
const (
	groupMap     = "map"
	groupHouse   = "house"
	groupRoles   = "roles"
	groupDropIns = "drop-ins"
)

func newRoot(version, name string, s surroundings) *cobra.Command {
	var versionOnly bool
	root := &cobra.Command{
		Use:           name,
		Short:         "See who talks to whom in a Kubernetes cluster, and turn it into least-privilege policy",
		SilenceErrors: true, SilenceUsage: true,
		Args: noArguments, SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if versionOnly {
				return sayVersion(cmd, version)
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&versionOnly, versionFlag, false, "print the version, as the command of that name does")
	if plugin, isPlugin := strings.CutPrefix(name, "kubectl "); isPlugin {
		root.Use = plugin // a name ends at its first blank; help shows the whole
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: name}
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(flagMistake)
	root.SetGlobalNormalizationFunc(canonical)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd.Flags(), s.env, s.err) }
	root.AddGroup(
		&cobra.Group{ID: groupMap, Title: "The map:"}, &cobra.Group{ID: groupHouse, Title: "Portolan itself:"},
		&cobra.Group{ID: groupDropIns, Title: "As Otterize names them:"}, &cobra.Group{ID: groupRoles, Title: "Roles, for pods:"},
	)
	root.SetHelpCommandGroupID(groupHouse)
	root.SetCompletionCommandGroupID(groupHouse)
	add(root, groupMap, append(mapCommands(version, s.typed), explainCommand(version), diffCommand(version), replayCommand())...)
	add(root, groupHouse, statusCommand(version), versionCommand(version))
	add(root, groupDropIns, networkMapper(version, s.typed))
	add(root, groupRoles, agentCommand(version, s.env), operatorCommand(version, s.env))
	return root
}

func add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// mapCommands are the verbs about the map.
func mapCommands(version string, typed bool) []*cobra.Command {
	return []*cobra.Command{listCommand(version), exportCommand(version), visualizeCommand(version), resetCommand(version, typed)}
}

// networkMapper holds the verbs of the map once more, under the name that scripts written for Otterize use.
func networkMapper(version string, typed bool) *cobra.Command {
	group := &cobra.Command{
		Use: "network-mapper", Aliases: []string{"mapper"}, Short: "The verbs of the map, as Otterize names them",
		Args: noArguments, SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	group.AddCommand(mapCommands(version, typed)...)
	return group
}

// canonical gives flags their names: some have a second one, by which scripts written for Otterize know them.
func canonical(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name {
	case "namespaces":
		name = "namespace"
	case "time-filter", "last-seen-after":
		name = "since"
	}
	return pflag.NormalizedName(name)
}
