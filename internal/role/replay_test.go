package role

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Worked examples of the decoders: an answer for sts.us-east-1.amazonaws.com to 10.101.81.13 over Ethernet, and a SYN from
// 10.0.2.48 to 10.244.120.78 port 8000 over plain IPv4.
const (
	dnsFrame = "f84d8969309600090f090002080045000059eb6c40004011b325d05b70340a65510d0035fcb40045a621339681800001000100000000037374730975732d656173742d3109616d617a6f6e61777303636f6d0000010001c00c000100010000003c00044815ce60"
	synFrame = "4500004000004000400600000a0002300af4784ed93d1f40a16450e500000000b002fffffe34000002043fd8010303060101080ab6a645bc0000000004020000"
)

// The link types of pcap files.
const (
	linkEthernet = 1
	linkRaw      = 101
)

// pcap returns a capture with one packet.
func pcap(t *testing.T, link uint32, frame string, at time.Time) []byte {
	t.Helper()
	octets, err := hex.DecodeString(frame)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	for _, field := range []any{
		uint32(0xa1b2c3d4), uint16(2), uint16(4), uint64(0), uint32(65535), link,
		uint32(at.Unix()), uint32(0), uint32(len(octets)), uint32(len(octets)), octets,
	} {
		if err := binary.Write(&file, binary.LittleEndian, field); err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}

const replayed = `
apiVersion: v1
kind: Pod
metadata: {namespace: shop, name: report, uid: a, creationTimestamp: "2021-01-01T00:00:00Z"}
status: {phase: Running, podIPs: [{ip: 10.101.81.13}]}
---
apiVersion: v1
kind: Pod
metadata: {namespace: shop, name: web, uid: b, creationTimestamp: "2021-01-01T00:00:00Z"}
status: {phase: Running, podIPs: [{ip: 10.0.2.48}]}
---
apiVersion: v1
kind: Pod
metadata: {namespace: shop, name: db, uid: c, creationTimestamp: "2021-01-01T00:00:00Z"}
status: {phase: Running, podIPs: [{ip: 10.244.120.78}]}
`

// sockets is the table of web's namespace, with the listener behind the connection that it makes a server of.
const sockets = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 3002000A:1F90 0D51650A:9C40 01 00000000:00000000 00:00000000 00000000     0        0 11 1
   1: 3002000A:9C41 4E78F40A:1F41 01 00000000:00000000 00:00000000 00000000     0        0 12 1
   2: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1
   3: 3002000A
`

func TestReplayReadsEveryKindOfFile(t *testing.T) {
	dir, at := t.TempDir(), time.Date(2021, 1, 1, 12, 0, 0, 0, time.UTC)
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	objects := file("objects.yaml", []byte(replayed))
	m, err := Replay(ReplayOptions{
		Objects:   []string{objects, dir}, // the folder holds the file once more
		Captures:  []string{file("answer.pcap", pcap(t, linkEthernet, dnsFrame, at)), file("syn.pcap", pcap(t, linkRaw, synFrame, at))},
		Sockets:   []string{file("sockets", []byte(sockets))},
		Sightings: []string{file("lines.jsonl", []byte(`{"source":"syn","first":"2021-01-01T12:00:09Z","from":{"addr":"10.0.2.48"},"to":{"addr":"10.101.81.13","port":9},"act":"connect","protocol":"TCP"}`))},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range m.Edges {
		for _, u := range e.Uses {
			for _, v := range u.Evidence {
				got = append(got, strings.TrimSpace(e.Client.String()+" "+e.Server.String()+" "+string(u.Use.Act)+" "+u.Use.Name+" "+string(v.Source)))
			}
		}
	}
	want := []string{
		"shop/Pod/report sts.us-east-1.amazonaws.com lookup sts.us-east-1.amazonaws.com file",
		"shop/Pod/web shop/Pod/db connect  file",
		"shop/Pod/web shop/Pod/db connect  socket",
		"shop/Pod/web shop/Pod/report connect  syn",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("edges (-got +want):\n%s", diff)
	}
	if len(m.Dropped) != 1 || m.Dropped[0].Reason != "malformed" || m.Window.Dropped != 1 {
		t.Errorf("dropped %v and %d, want the one bad row of the socket table", m.Dropped, m.Window.Dropped)
	}
	if !m.Window.From.Equal(at) || !m.Window.To.Equal(at.Add(9*time.Second)) {
		t.Errorf("window %v to %v", m.Window.From, m.Window.To)
	}
}

func TestTheOrderOfFilesDoesNotMatter(t *testing.T) {
	dir := t.TempDir()
	lines := []string{
		`{"source":"dns","first":"2021-01-01T12:00:00Z","from":{"addr":"10.0.2.48"},"to":{"addr":"192.0.2.1","name":"a.example"},"act":"lookup"}`,
		`{"source":"syn","first":"2021-01-01T12:00:01Z","from":{"addr":"10.0.2.48"},"to":{"addr":"192.0.2.1","port":443},"act":"connect","protocol":"TCP"}`,
	}
	objects := filepath.Join(dir, "objects.yaml")
	if err := os.WriteFile(objects, []byte(replayed), 0o600); err != nil {
		t.Fatal(err)
	}
	var files []string
	for i, line := range lines {
		files = append(files, filepath.Join(dir, string(rune('a'+i))+".jsonl"))
		if err := os.WriteFile(files[i], []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one, err := Replay(ReplayOptions{Objects: []string{objects}, Sightings: files})
	if err != nil {
		t.Fatal(err)
	}
	files[0], files[1] = files[1], files[0]
	other, err := Replay(ReplayOptions{Objects: []string{objects}, Sightings: files})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one, other, cmpopts.EquateComparable(netip.Addr{})); diff != "" || len(one.Edges) != 1 {
		t.Errorf("%d edges, want 1 to the name; the other order differs:\n%s", len(one.Edges), diff)
	}
}

// write returns the path of a new file.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
