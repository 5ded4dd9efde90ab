// Package command is the command line: one file per verb, each a thin shell over the rooms that do the work.
//
// It must not decide who may talk to whom or draw anything itself. Data goes to standard output; notices and errors go to
// standard error.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
	return run(ctx, version, args, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func run(ctx context.Context, version string, args []string, s streams) int {
	root := newRoot(version, programName(args), s)
	root.SetArgs(args[min(1, len(args)):])
	failed, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errFinding):
		return exitFinding
	}
	explain(s.err, failed, err)
	if ctx.Err() != nil {
		return exitStopped
	}
	return exitFailed
}

// errFinding ends a command whose answer was printed and is a finding.
var errFinding = errors.New("finding")

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

// hinted is an error with one line of advice.
type hinted struct {
	error
	hint string
}

// Unwrap returns the error without the advice.
func (h hinted) Unwrap() error { return h.error }

// explain writes "Error: <what>: <cause>" and at most one hint. Usage is never dumped.
func explain(w io.Writer, failed *cobra.Command, err error) {
	fmt.Fprintf(w, "Error: %s\n", strings.TrimSpace(err.Error()))
	var advice hinted
	var flag flagError
	switch {
	case errors.As(err, &advice):
		fmt.Fprintf(w, "Hint: %s\n", advice.hint)
	case errors.As(err, &flag):
		fmt.Fprintf(w, "See \"%s --help\".\n", failed.CommandPath())
	}
}

// flagError is a wrong flag or argument.
type flagError struct{ error }

// Unwrap returns the error itself.
func (f flagError) Unwrap() error { return f.error }

func newRoot(version, name string, s streams) *cobra.Command {
	root := &cobra.Command{
		Use:           name,
		Short:         "See who talks to whom in a Kubernetes cluster, and turn it into least-privilege policy",
		SilenceErrors: true, SilenceUsage: true,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError{err} })
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd.Flags(), os.LookupEnv, s.err) }
	root.AddCommand(mapCommands(version)...)
	root.AddCommand(networkMapper(version), statusCommand(), versionCommand(version), agentCommand(version), operatorCommand(version))
	return root
}

// mapCommands are the verbs about the map.
func mapCommands(version string) []*cobra.Command {
	return []*cobra.Command{listCommand(), exportCommand(version), visualizeCommand()}
}

// networkMapper holds the verbs of the map once more, under the name that scripts written for Otterize use.
func networkMapper(version string) *cobra.Command {
	group := &cobra.Command{
		Use: "network-mapper", Aliases: []string{"mapper"}, Short: "The verbs of the map, as Otterize names them",
		Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	group.AddCommand(mapCommands(version)...)
	return group
}

// noArguments refuses arguments, and verbs that do not exist, with an error.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return flagError{fmt.Errorf("unknown command or argument %q for %q", args[0], cmd.CommandPath())}
}

// fromEnvironment sets every flag that was not given from PORTOLAN_<FLAG>, else OTTERIZE_<FLAG>.
func fromEnvironment(flags *pflag.FlagSet, lookup func(string) (string, bool), notices io.Writer) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ours := lookup("PORTOLAN_" + name)
		former, theirs := lookup("OTTERIZE_" + name)
		if ours && theirs && value != former {
			fmt.Fprintf(notices, "Note: PORTOLAN_%s and OTTERIZE_%s differ; PORTOLAN_%s is used\n", name, name, name)
		}
		if !ours {
			value = former
		}
		if f.Changed || !ours && !theirs {
			return
		}
		if err := f.Value.Set(value); err != nil { // not flags.Set: only the command line marks a flag as given
			errs = append(errs, fmt.Errorf("environment variable for --%s: %w", f.Name, err))
		}
	})
	if err := errors.Join(errs...); err != nil {
		return flagError{err}
	}
	return nil
}
