package role

import (
	"bytes"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/traffic"
)

var seenConnection = traffic.Sighting{
	Source: traffic.SYN, First: time.Unix(0, 0).UTC(), Last: time.Unix(0, 0).UTC(), Count: 1,
	From: traffic.Party{Addr: netip.MustParseAddr("10.1.0.4")},
	To:   traffic.Party{Addr: netip.MustParseAddr("10.0.0.17"), Port: 80},
	What: traffic.What{Act: traffic.Connect, Protocol: traffic.TCP},
}

func TestDumpWritesLines(t *testing.T) {
	var out bytes.Buffer
	d, err := openDump(AgentOptions{Dump: "-", Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.take([]traffic.Sighting{seenConnection, seenConnection}); err != nil {
		t.Error(err)
	}
	line := string(traffic.AppendLine(nil, seenConnection))
	if out.String() != line+line {
		t.Errorf("written\n%swant\n%s%s", out.String(), line, line)
	}
}

// full is a disk without room.
type full struct{ asked int }

func (f *full) Write([]byte) (int, error) {
	f.asked++
	return 0, errors.New("no space left on device")
}

func TestADumpThatFailsSaysSoOnce(t *testing.T) {
	disk := &full{}
	d, err := openDump(AgentOptions{Dump: "-", Output: disk})
	if err != nil {
		t.Fatal(err)
	}
	const want = "writing sightings to standard output: no space left on device"
	if err := d.take([]traffic.Sighting{seenConnection}); err == nil || err.Error() != want {
		t.Errorf("take() = %v, want %s", err, want)
	}
	if err := d.take([]traffic.Sighting{seenConnection}); err != nil || disk.asked != 1 {
		t.Errorf("the second take() = %v after %d writes, want none", err, disk.asked)
	}
}

func TestADumpThatCannotBeOpenedIsNamed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "no", "dump")
	if _, err := openDump(AgentOptions{Dump: name}); err == nil || !strings.Contains(err.Error(), "--dump") || !strings.Contains(err.Error(), name) {
		t.Errorf("openDump() = %v, want an error that names the flag and %s", err, name)
	}
}
