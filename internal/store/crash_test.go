package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
)

// writerPath makes a process of this test binary a writer of that file.
const writerPath = "PORTOLAN_TEST_WRITER"

// writerBatch is what the writer puts into its batch of that number.
func writerBatch(seq uint64) []graph.Observation {
	var all []graph.Observation
	for i := range 20 {
		o := call(fmt.Sprintf("client-%d", (int(seq)*7+i)%50), "cart", 0)
		o.First = writerStart().Add(time.Duration(seq) * time.Millisecond)
		o.Last = o.First
		all = append(all, o)
	}
	return all
}

// writerStart is within every retention, and the same for all processes of a day.
func writerStart() time.Time { return time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour) }

// writeUntilKilled goes on where the file ends. It writes the number of each batch that is acknowledged.
func writeUntilKilled(path string) error {
	target, err := Parse(path)
	if err != nil {
		return err
	}
	g := graph.New(graph.Limits{})
	j := NewJournal(JournalOptions{
		Target: target, Graph: g, Interval: 10 * time.Millisecond, Retention: 30 * 24 * time.Hour, History: 90 * 24 * time.Hour,
	})
	reports, err := j.Open(context.Background())
	if err != nil {
		return err
	}
	go j.Run(context.Background())
	seq := uint64(0)
	if len(reports) > 0 {
		seq = reports[0].Seq
	}
	for {
		seq++
		draft, err := j.Begin()
		if err != nil {
			return err
		}
		for _, o := range writerBatch(seq) {
			draft.Merge(o)
		}
		if _, err := j.Seal(draft, Report{Node: "n1", Pod: "agent-1", Epoch: 7, Seq: seq, Seen: time.Now()}).Wait(context.Background()); err != nil {
			return err
		}
		fmt.Println(seq)
	}
}

// TestAKilledProcessLosesNothingThatWasAcknowledged kills a writer in the middle of its work, several times over.
func TestAKilledProcessLosesNothingThatWasAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "map.db")
	for round := range 5 {
		acknowledged := writeAndKill(t, path, 5+3*round, func() {})
		s := open(t, path)
		reports, err := s.Reports(t.Context(), writerStart())
		if err != nil || len(reports) != 1 {
			t.Fatalf("reports %v, error %v; want those of one run", reports, err)
		}
		if stored := reports[0].Seq; stored < acknowledged {
			t.Errorf("round %d: batch %d was acknowledged, and %d is the last in the store", round, acknowledged, stored)
		}
		want := graph.New(graph.Limits{})
		for seq := uint64(1); seq <= reports[0].Seq; seq++ {
			for _, o := range writerBatch(seq) {
				want.Merge(o)
			}
		}
		if diff := diffEdges(contents(t, s), want.History(graph.Filter{})); diff != "" {
			t.Errorf("round %d: the store is not what its batches add up to (-got +want):\n%s", round, diff)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnotherProcessIsToldWhoHasTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "map.db")
	writeAndKill(t, path, 1, func() {
		_, err := Open(t.Context(), parse(t, path))
		if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--store=postgres://") {
			t.Errorf("while another process writes, opening says %v; want who has what, and what to do", err)
		}
	})
	open(t, path) // nobody has it any more
}

// writeAndKill runs a writer until it acknowledged so many batches and meanwhile is over, kills it, and returns the last number that it told.
func writeAndKill(t *testing.T, path string, batches int, meanwhile func()) uint64 {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Stderr = append(os.Environ(), writerPath+"="+path), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, last := bufio.NewScanner(out), uint64(0)
	for n := 0; lines.Scan(); n++ {
		if n == batches {
			meanwhile()
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		if last, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
			t.Fatalf("the writer says %q", lines.Text())
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the writer ended by itself: %v", err)
	}
	return last
}
