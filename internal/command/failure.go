package command

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// errFinding ends a command whose answer was printed and is a finding.
var errFinding = errors.New("finding")

// errInterrupted ends a command that somebody stopped.
var errInterrupted = errors.New("interrupted")

// hinted is an error with one line of advice.
type hinted struct {
	error
	hint string
}

// Unwrap returns the error without the advice.
func (h hinted) Unwrap() error { return h.error }

// flagError is a wrong flag or argument.
type flagError struct{ error }

// Unwrap returns the error itself.
func (f flagError) Unwrap() error { return f.error }

// tellFailure writes "Error: <what>: <cause>" on one line and at most one hint. Usage is never dumped.
func tellFailure(w io.Writer, failed *cobra.Command, err error) {
	fmt.Fprintf(w, "Error: %s\n", strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
	var advice hinted
	var flag flagError
	switch {
	case errors.As(err, &advice):
		fmt.Fprintf(w, "Hint: %s\n", advice.hint)
	case errors.As(err, &flag):
		fmt.Fprintf(w, "See \"%s --help\".\n", failed.CommandPath())
	}
}

// flagMistake makes an error of what is wrong with a flag. A word that is not one of those that a flag knows is told as
// scripts written for Otterize expect it.
func flagMistake(_ *cobra.Command, err error) error {
	if unexpected, known := errors.AsType[unexpectedError](err); known {
		return flagError{unexpected}
	}
	if invalid, known := errors.AsType[*pflag.InvalidValueError](err); known {
		return flagError{fmt.Errorf("%s %q: %w", invalid.GetFlag().Name, invalid.GetValue(), errors.Unwrap(invalid))}
	}
	return flagError{err}
}

// noArguments refuses arguments, and verbs that do not exist, with an error.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasParent() {
		if advice, needsCloud := cloudVerb(args[0]); needsCloud {
			return fmt.Errorf("%q needs Otterize Cloud. %s", strings.Join(args, " "), advice)
		}
	}
	unknown := fmt.Errorf("unknown command or argument %q for %q", args[0], cmd.CommandPath())
	if close := cmd.SuggestionsFor(args[0]); len(close) > 0 {
		return hinted{unknown, fmt.Sprintf("did you mean %q?", cmd.CommandPath()+" "+close[0])}
	}
	return flagError{unknown}
}

// cloudVerb knows the verbs of the Otterize command line that ask its vendor's cloud, and what does the same here.
func cloudVerb(verb string) (advice string, known bool) {
	switch verb {
	case "clientintents", "intents":
		return `Use "portolan export" for what was seen, "kubectl get clientintents" for what is declared.`, true
	case "access-graph":
		return `Use "portolan list" or "portolan visualize".`, true
	case "login", "logout", "init", "api", "clusters", "environments", "integrations", "invites", "namespaces", "organizations",
		"services", "users":
		return "Portolan keeps everything in the cluster and needs no account.", true
	default:
		return "", false
	}
}
