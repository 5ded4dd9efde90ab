package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/export/intents"
	"github.com/portolan-io/portolan/internal/export/text"
	"github.com/portolan-io/portolan/internal/query"
)

// diffCommand says how the map changed between two times. The exit status is that of a finding when it did.
func diffCommand(version string) *cobra.Command {
	wanted := newSelection(version)
	format := newFormat(formatText, "table", formatJSON)
	var say notices
	var from, to moment
	var noHeaders bool
	cmd := &cobra.Command{
		Use: "diff", Short: "Say which calls appeared and vanished between two times; exit status 2 when any did",
		Example: "  portolan diff --from 24h\n  portolan diff --from 2026-11-13T00:00:00Z --to 2026-11-20T00:00:00Z -n shop --format json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := wanted.compare(cmd, from, to, say)
			if err != nil {
				return err
			}
			if err := emit(cmd, func(w io.Writer) error { return writeDiff(w, d, format.value, noHeaders) }); err != nil {
				return err
			}
			if len(d.Changes) > 0 {
				return errFinding
			}
			return nil
		},
	}
	wanted.connection.addFlags(cmd.Flags())
	wanted.addWho(cmd.Flags())
	wanted.addLabels(cmd.Flags())
	say.addFlags(cmd.Flags())
	cmd.Flags().Var(&from, "from", "the earlier time: a duration such as 24h or 7d before now, a time in RFC 3339 form, or a date, which begins in UTC; required")
	cmd.Flags().Var(&to, "to", "the later time; default now")
	cmd.Flags().Var(format, "format", "output format")
	cmd.Flags().VarP(format, "output", "o", "the same as --format")
	cmd.Flags().BoolVar(&noHeaders, "no-headers", false, "tables without the heading")
	return cmd
}

// compare asks the operator how the selected edges changed.
func (s *selection) compare(cmd *cobra.Command, from, to moment, say notices) (document.Diff, error) {
	now := time.Now()
	period := query.Period{From: from.at(now), To: to.at(now)}
	if to.text == "" {
		period.To = now
	}
	switch {
	case from.text == "":
		return document.Diff{}, flagError{errors.New("--from is missing: " + wantMoment)}
	case !period.From.Before(period.To):
		return document.Diff{}, flagError{fmt.Errorf("--from %s is not before --to %s", stampOf(period.From), stampOf(period.To))}
	}
	filter, err := s.filter(cmd.Flags().Changed, now)
	if err := errors.Join(err, s.checkLabels()); err != nil {
		return document.Diff{}, err
	}
	d := document.Diff{From: period.From, To: period.To}
	err = s.connection.ask(cmd, func(ctx context.Context, operator reached) error {
		basis, found, err := operator.Changes(ctx, period, filter, s.without...)
		if err != nil {
			return err
		}
		d.Cluster, d.Window, d.Changes, d.Same = basis.Cluster, windowOf(basis), found.Changes, found.Same
		for _, note := range notesOf(basis, operator) {
			say.sayf(cmd, "Note: %s", note)
		}
		return s.connection.fits(basis.Version)
	})
	if err == nil && period.From.Before(d.Window.From) {
		say.sayf(cmd, "Note: the map begins at %s; all that was there before it was begun appears as new", stampOf(d.Window.From))
	}
	return d, err
}

func stampOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func writeDiff(w io.Writer, d document.Diff, format string, noHeaders bool) error {
	switch format {
	case formatJSON:
		return document.WriteDiff(w, d)
	case "table":
		return text.ChangesTable(w, d.Changes, noHeaders)
	default:
		if err := text.Changes(w, d.Changes); err != nil {
			return err
		}
		appeared, vanished := d.Count()
		_, err := fmt.Fprintf(w, "%d new, %d vanished, %d the same. Evidence %s to %s, %s complete.\n", appeared, vanished, d.Same,
			stampOf(d.Window.From), stampOf(d.Window.To), intents.Percent(d.Window.Completeness()))
		return err
	}
}
