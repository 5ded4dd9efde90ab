package command

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// fromEnvironment sets every flag that was not given from PORTOLAN_<FLAG>, else OTTERIZE_<FLAG>. It does not mark a flag
// as given: that is for the command line alone.
func fromEnvironment(flags *pflag.FlagSet, lookup func(string) (string, bool), notices io.Writer) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || f.Name == versionFlag {
			return
		}
		variable, value := environmentOf(f.Name, lookup, notices)
		if variable == "" {
			return
		}
		if err := f.Value.Set(listed(f, value)); err != nil {
			errs = append(errs, fmt.Errorf("%s %q: %w", variable, value, err))
		}
	})
	if err := errors.Join(errs...); err != nil {
		return flagError{err}
	}
	return nil
}

// environmentOf returns the variable that sets a flag, and its value. The variable is empty when none does.
func environmentOf(flag string, lookup func(string) (string, bool), notices io.Writer) (variable, value string) {
	for _, name := range []string{flag, secondName(flag)} {
		name = strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		ours, set := lookup("PORTOLAN_" + name)
		theirs, setByThem := lookup("OTTERIZE_" + name)
		switch {
		case set && setByThem && ours != theirs:
			fmt.Fprintf(notices, "Note: PORTOLAN_%s and OTTERIZE_%s differ; PORTOLAN_%s is used\n", name, name, name)
			fallthrough
		case set:
			return "PORTOLAN_" + name, ours
		case setByThem:
			return "OTTERIZE_" + name, theirs
		}
	}
	return "", ""
}

// secondName returns the other name of a flag, or the same where it has one only.
func secondName(flag string) string {
	if flag == "namespace" {
		return "namespaces"
	}
	return flag
}

// listed lets lists be separated by blanks as well as commas.
func listed(f *pflag.Flag, value string) string {
	if f.Value.Type() == "stringSlice" {
		return strings.Join(strings.FieldsFunc(value, isSeparator), ",")
	}
	return value
}

// isSeparator reports whether r separates names in a list.
func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }
