package command

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/export/text"
	"github.com/portolan-io/portolan/internal/role"
)

// replaying says what is replayed and how the map is shown.
type replaying struct {
	options role.ReplayOptions
	wanted  selection
	format  *oneOf
	drops   bool
	say     notices
}

// replayCommand makes the map of recorded traffic, without a cluster.
func replayCommand() *cobra.Command {
	r := &replaying{options: role.DefaultReplayOptions(), format: newFormat(formatText, "table", "wide", formatJSON, formatYAML, formatSVG, formatDOT)}
	cmd := &cobra.Command{
		Use: "replay", Short: "Make the map of recorded traffic, without a cluster",
		Long: "Replay plays recorded traffic through the decoders, the resolver and the map, with the objects of the cluster that it\n" +
			"was recorded in. It reads files only.",
		Example: "  kubectl get pods,services,endpointslices,nodes,deployments,replicasets -A -o yaml > objects.yaml\n" +
			"  portolan replay --pcap node1.pcap --objects objects.yaml --drops\n" +
			"  kubectl -n portolan-agent logs ds/portolan-agent | portolan replay --sightings - --objects objects.yaml\n" +
			"  portolan replay --sightings node1.jsonl --objects dump/ --with-internet --format svg > map.svg",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd) },
	}
	fs := cmd.Flags()
	r.options.AddFlags(fs)
	r.wanted.addFilters(fs)
	fs.Var(r.format, "format", "output format")
	fs.VarP(r.format, "output", "o", "the same as --format")
	fs.BoolVar(&r.drops, "drops", false, "also show what became no edge, with the reason and an example; json always does")
	r.say.addFlags(fs)
	return cmd
}

func (r *replaying) run(cmd *cobra.Command) error {
	r.options.Standard = cmd.InOrStdin()
	if err := r.options.Validate(); err != nil {
		return flagError{err}
	}
	filter, err := r.wanted.filter(cmd.Flags().Changed, time.Now())
	if err != nil {
		return err
	}
	whole, err := role.Replay(r.options)
	if err != nil {
		return err
	}
	m := r.wanted.recorded(whole, filter)
	m.Edges = r.wanted.named(m.Edges)
	if len(m.Edges) == 0 {
		r.say.sayf(cmd, "%s", nothingIn(whole))
	}
	for _, d := range whole.Dropped {
		if d.Reason == "malformed" {
			r.say.sayf(cmd, "Note: what could not be read of the recording is left out (%d): %s", d.Count, d.Example)
		}
	}
	if len(m.Edges) == 0 && r.draws() {
		return nil // an empty map has no picture
	}
	return emit(cmd, func(w io.Writer) error { return r.show(w, m) })
}

// draws reports whether a picture is wanted.
func (r *replaying) draws() bool { return r.format.value == formatSVG || r.format.value == formatDOT }

// nothingIn says why a replay shows nothing.
func nothingIn(whole document.Map) string {
	switch {
	case len(whole.Edges) > 0:
		return fmt.Sprintf("%s Edges of the recording that the filters leave out: %d; see --with-internet and -A.", nothingFound, len(whole.Edges))
	case len(whole.Dropped) > 0:
		return nothingFound + " What was recorded became no edge; --drops says why."
	default:
		return nothingFound + " The recording holds no DNS answer and no new connection."
	}
}

func (r *replaying) show(w io.Writer, m document.Map) error {
	if r.draws() {
		return draw(w, m, r.format.value)
	}
	table := text.TableOptions{Now: now(m), NoHeaders: len(m.Edges) == 0}
	if err := list(w, m, r.format.value, table); err != nil || !r.drops || r.format.value == formatJSON || r.format.value == formatYAML {
		return err
	}
	return drops(w, m.Dropped)
}

// drops prints what became no edge.
func drops(w io.Writer, dropped []document.Dropped) error {
	rows := [][]string{{"REASON", "SOURCE", "COUNT", "EXAMPLE"}}
	for _, d := range dropped {
		rows = append(rows, []string{d.Reason, d.Source, strconv.FormatUint(d.Count, 10), d.Example})
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return writeTable(w, rows, false)
}
