package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/export/text"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/traffic"
)

// explainCommand says what is known of the calls from one to another: what was seen, else which refused sightings may be why
// nothing was.
func explainCommand(version string) *cobra.Command {
	connection, format := newConnection(version), newFormat(formatText, formatJSON)
	cmd := &cobra.Command{
		Use: "explain CLIENT SERVER [PORT[/PROTOCOL]]", Short: "Say what was seen of the calls from one to another, or why nothing was",
		Long: "Say what was seen of the calls from one to another, or which refused sightings may be why nothing was.\n\n" +
			"Each side is [kind/]name[.namespace] of a workload, the name of a Service, an IP address, a DNS name outside the cluster, or internet.",
		Example: "  portolan explain checkout.shop payment.pay\n  portolan explain deployment/checkout.shop internet 443\n  portolan explain 10.0.3.7 coredns.kube-system 53/UDP",
		Args:    cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			question, err := questionOf(args)
			if err != nil {
				return flagError{err}
			}
			found, err := account(cmd, connection, question)
			if err != nil {
				return err
			}
			return emit(cmd, func(w io.Writer) error { return found.write(w, strings.Join(args, " "), format.value) })
		},
	}
	connection.addFlags(cmd.Flags())
	cmd.Flags().Var(format, "format", "output format")
	cmd.Flags().VarP(format, "output", "o", "the same as --format")
	return cmd
}

// internet is the side that means anybody outside the cluster.
const internet = "internet"

// questionOf reads the arguments.
func questionOf(args []string) (query.Missing, error) {
	q := query.Missing{}
	var err, err2, err3 error
	q.From, err = sideOf("client", args[0])
	q.From.Host = "" // clients outside are known by address alone
	q.To, err2 = sideOf("server", args[1])
	if len(args) > 2 {
		port, protocol, named := strings.Cut(args[2], "/")
		number, bad := strconv.ParseUint(port, 10, 16)
		q.Port, q.Protocol = uint16(number), traffic.TCP
		if named {
			q.Protocol = traffic.Protocol(strings.ToUpper(protocol))
		}
		if bad != nil || number == 0 || q.Protocol != traffic.TCP && q.Protocol != traffic.UDP && q.Protocol != traffic.SCTP {
			err3 = fmt.Errorf("port %q: want a port such as 443, or 53/UDP", args[2])
		}
	}
	return q, errors.Join(err, err2, err3)
}

// sideOf reads one side. A name with a dot means a workload in a namespace, or a name outside the cluster.
func sideOf(which, text string) (query.Side, error) {
	if text == internet {
		return query.Side{Outside: true}, nil
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return query.Side{Addr: addr.Unmap()}, nil
	}
	var side query.Side
	kind, name, qualified := strings.Cut(text, "/")
	if !qualified {
		kind, name = "", text
	}
	side.Workload.Kind, side.Workload.Name = kind, name
	if before, namespace, dotted := cutLast(name, "."); dotted {
		side.Workload.Name, side.Workload.Namespace = before, namespace
		if !qualified {
			side.Host = strings.ToLower(text)
		}
	}
	if side.Workload.Name == "" || strings.ContainsAny(text, " \t\n") || strings.Contains(name, "/") {
		return side, fmt.Errorf("%s %q: want [kind/]name[.namespace], an IP address, or %s", which, text, internet)
	}
	return side, nil
}

// known is what is known of the calls from one to another.
type known struct {
	edges   []graph.Edge
	refused []query.Refused
	from    time.Time // since when the map watches
	now     time.Time

	byAddress bool // a side is an address
}

// account asks the operator. An operator that does not know the question about refused sightings has none.
func account(cmd *cobra.Command, c *connection, q query.Missing) (k known, err error) {
	filter := graph.Filter{}
	k.byAddress = q.From.Addr.IsValid() || q.To.Addr.IsValid()
	if q.From.Workload.Namespace != "" {
		filter.Namespaces = []string{q.From.Workload.Namespace}
	}
	err = c.ask(cmd, func(ctx context.Context, operator reached) error {
		basis, edges, err := operator.Edges(ctx, filter)
		if err != nil {
			return err
		}
		k.from, k.now = basis.From, basis.To
		for _, e := range edges {
			if fits(e, q) {
				k.edges = append(k.edges, e)
			}
		}
		if len(k.edges) == 0 {
			k.refused, err = operator.Refused(ctx, q)
		}
		if answer, refused := errors.AsType[*query.AnswerError](err); refused && answer.Status == http.StatusNotFound {
			err = nil
		}
		return errors.Join(err, c.fits(basis.Version))
	})
	return k, err
}

// fits reports whether an edge is one that is asked about.
func fits(e graph.Edge, q query.Missing) bool {
	if !isSide(e.Client, nil, q.From) || !isSide(e.Server, e.Services, q.To) {
		return false
	}
	for _, seen := range e.Uses {
		if q.Port == 0 || seen.Use.Port == q.Port && seen.Use.Protocol == q.Protocol {
			return true
		}
	}
	return false
}

func isSide(p graph.Peer, services []string, s query.Side) bool {
	if !p.Inside() {
		return s.Outside || s.Addr.IsValid() && p.Addr == s.Addr || s.Host != "" && p.Name == s.Host
	}
	return isWorkload(p.Workload, services, s.Workload)
}

// isWorkload reports whether somebody who asks for a workload, or for a Service by its name, means this one.
func isWorkload(is identity.Workload, services []string, asked identity.Workload) bool {
	if asked.Name == "" || asked.Namespace != "" && asked.Namespace != is.Namespace {
		return false
	}
	if asked.Kind == "" {
		return slices.Contains(services, asked.Name) || isName(is.Name, asked.Name)
	}
	return isName(is.Name, asked.Name) && strings.EqualFold(asked.Kind, is.Kind)
}

// isName reports whether a workload is called as somebody typed it; a '.' also means a '_'.
func isName(name, typed string) bool {
	return name == typed || name == strings.ReplaceAll(typed, ".", "_")
}

func (k known) write(w io.Writer, asked, format string) error {
	switch {
	case format == formatJSON:
		return k.json(w)
	case len(k.edges) > 0:
		return k.seen(w)
	}
	fmt.Fprintf(w, "Never seen: %s is not in the map, which begins at %s.\n", asked, stampOf(k.from))
	if k.byAddress {
		fmt.Fprintln(w, "Inside the cluster the map knows workloads, not addresses: name the workload to be sure.")
	}
	if len(k.refused) == 0 {
		fmt.Fprintln(w, "No refused sighting fits it either: no source has seen it, or it was too long ago.")
		return nil
	}
	fmt.Fprintln(w, "These refused sightings may be it:")
	rows := [][]string{{"REFUSED", "SOURCE", "LAST SEEN", "COUNT", "SIGHTING", "MEANING"}}
	for _, r := range k.refused {
		rows = append(rows, []string{r.Reason, r.Source, stampOf(r.Last), strconv.FormatUint(r.Count, 10), r.Sighting, r.Meaning})
	}
	return writeTable(w, rows, false)
}

func (k known) seen(w io.Writer) error {
	if err := text.Table(w, k.edges, text.TableOptions{Now: k.now, Wide: true}); err != nil {
		return err
	}
	var count uint64
	var last time.Time
	for _, e := range k.edges {
		for i := range e.Uses {
			count += e.Uses[i].Whole().Count
		}
		if e.Last.After(last) {
			last = e.Last
		}
	}
	_, err := fmt.Fprintf(w, "Seen %s, last %s ago.\n", times(count), rounded(max(0, k.now.Sub(last))))
	return err
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return strconv.FormatUint(n, 10) + " times"
}

// explained is the document of this command.
type explained struct {
	Schema  string          `json:"schema"`
	Edges   json.RawMessage `json:"edges"` // as in the graph document
	Refused []refused       `json:"refused"`
}

type refused struct {
	Reason   string    `json:"reason"`
	Source   string    `json:"source"`
	Last     time.Time `json:"last"`
	Count    uint64    `json:"count"`
	Sighting string    `json:"sighting"`
	Meaning  string    `json:"meaning"`
}

func (k known) json(w io.Writer) error {
	var whole bytes.Buffer
	if err := document.Write(&whole, document.Map{Edges: k.edges}); err != nil {
		return err
	}
	out := explained{Refused: []refused{}}
	if err := json.Unmarshal(whole.Bytes(), &out); err != nil {
		return err
	}
	out.Schema = "portolan.explain/v1"
	for _, r := range k.refused {
		out.Refused = append(out.Refused, refused{r.Reason, r.Source, r.Last.UTC(), r.Count, r.Sighting, r.Meaning})
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}
