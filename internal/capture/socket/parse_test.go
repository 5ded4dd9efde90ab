package socket

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var addresses = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})

const (
	head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	row4 = "   0: 5978F40A:89A4 B30E620A:0050 01 00000000:00000000 00:00000000 00000000     0        0 52410 1 0000000000000000 20 4 30 10 -1\n"
	row6 = "   1: 0000000000000000FFFF0000D326A8C1:1F90 000080FE00000000FF005450B6AD1DFE:9C41 06 00000000:00000000 03:00000F2C 00000000     0        0 0 3 0000000000000000\n"
)

func TestParseRow(t *testing.T) {
	for name, tc := range map[string]struct {
		line string
		want Row
	}{
		"IPv4": {row4, Row{netip.MustParseAddrPort("10.244.120.89:35236"), netip.MustParseAddrPort("10.98.14.179:80"), established, 52410}},
		"IPv4 in IPv6 form and a real IPv6 address": {
			row6, Row{netip.MustParseAddrPort("193.168.38.211:8080"), netip.MustParseAddrPort("[fe80::5054:ff:fe1d:adb6]:40001"), 6, 0},
		},
		"a listener on every address": {
			"2: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 41",
			Row{netip.MustParseAddrPort("[::]:8080"), netip.MustParseAddrPort("[::]:0"), listening, 41},
		},
		"the columns that matter, and no more": {"0: 0100007F:0016 0100007F:9C41 01", Row{netip.MustParseAddrPort("127.0.0.1:22"), netip.MustParseAddrPort("127.0.0.1:40001"), 1, 0}},
	} {
		got, ok := ParseRow([]byte(tc.line))
		if diff := cmp.Diff(got, tc.want, addresses); !ok || diff != "" {
			t.Errorf("%s: ParseRow() = %v (-got +want):\n%s", name, ok, diff)
		}
	}
}

func TestParseRowRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"nothing":                      "",
		"the names of the columns":     head,
		"a number and no more":         "0:",
		"one side":                     "0: 0100007F:0016",
		"no state":                     "0: 0100007F:0016 0100007F:9C41",
		"half a state":                 "0: 0100007F:0016 0100007F:9C41 0",
		"a state of words":             "0: 0100007F:0016 0100007F:9C41 ok",
		"an address that is too short": "0: 0100007:0016 0100007F:9C41 01",
		"an address between the two":   "0: 0100007F0100007F:0016 0100007F:9C41 01",
		"an address of other digits":   "0: 0100007G:0016 0100007F:9C41 01",
		"a side without port":          "0: 0100007F 0100007F:9C41 01",
		"a port that is too long":      "0: 0100007F:00160 0100007F:9C41 01",
		"a port of other digits":       "0: 0100007F:00 6 0100007F:9C41 01",
		"a socket without number":      "0: 0100007F:0016 0100007F:9C41 01 0:0 0:0 0 0 0 -1 1",
	} {
		if row, ok := ParseRow([]byte(line)); ok {
			t.Errorf("%s: ParseRow(%q) = %+v, want nothing", name, line, row)
		}
	}
}

func TestParseRowAllocatesNothing(t *testing.T) {
	line := []byte(row6)
	if n := testing.AllocsPerRun(100, func() { ParseRow(line) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// endless gives rows for ever.
type endless struct{ given int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = row4[e.given%len(row4)]
		e.given++
	}
	return len(b), nil
}

func TestReadIsBounded(t *testing.T) {
	var table Table
	source := &endless{}
	malformed, oversize, err := table.Read(source)
	if malformed != 0 || !oversize || err != nil {
		t.Errorf("Read() = %d, %t, %v; want oversize", malformed, oversize, err)
	}
	if source.given > mostBytes+mostLine || len(table.rows) != mostBytes/len(row4) {
		t.Errorf("%d octets were read and %d rows taken", source.given, len(table.rows))
	}
}

func TestReadKeepsWhatCameBeforeAnError(t *testing.T) {
	var table Table
	_, _, err := table.Read(io.MultiReader(strings.NewReader(head+row4), failing{}))
	if err == nil || len(table.rows) != 1 {
		t.Errorf("Read() = %v with %d rows, want the error and one row", err, len(table.rows))
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestPodUID(t *testing.T) {
	const (
		uid      = "0d5f6c1e-8a57-4f0e-9a7c-1f2f6f2b9b11"
		under    = "0d5f6c1e_8a57_4f0e_9a7c_1f2f6f2b9b11"
		other    = "7b1c7a52-90f1-4a5e-8a33-52c2d4b0c9aa"
		hash     = "9f86d081884c7d659a2feaa0c55ad015"
		id       = "8f3c1a2b9d4e5f60718293a4b5c6d7e8f90123456789abcdef0123456789abcd"
		inPod    = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + under + ".slice/"
		inPodOld = "/kubepods/burstable/pod" + uid + "/"
	)
	for name, tc := range map[string]struct{ cgroups, want string }{
		"containerd, systemd, v2":                {"0::" + inPod + "cri-containerd-" + id + ".scope\n", uid},
		"containerd, cgroupfs, v2":               {"0::" + inPodOld + id + "\n", uid},
		"containerd, systemd, v1":                {"12:cpuset:/\n11:memory:" + inPod + "cri-containerd-" + id + ".scope\n1:name=systemd:" + inPod + "x\n0::/\n", uid},
		"containerd, systemd, v1, a unit's path": {"11:memory:/system.slice/containerd.service/kubepods-burstable-pod" + under + ".slice:cri-containerd:" + id + "\n", uid},
		"containerd, cgroupfs, v1":               {"4:cpu,cpuacct:" + inPodOld + id + "\n", uid},
		"CRI-O, systemd, v2":                     {"0::" + inPod + "crio-" + id + ".scope/container\n", uid},
		"CRI-O, systemd, v1":                     {"9:pids:" + inPod + "crio-" + id + ".scope\n", uid},
		"CRI-O, cgroupfs, v2":                    {"0::" + inPodOld + "crio-" + id + "\n", uid},
		"Docker, systemd, v2":                    {"0::" + inPod + "docker-" + id + ".scope\n", uid},
		"Docker, systemd, v1":                    {"9:pids:" + inPod + "docker-" + id + ".scope\n", uid},
		"Docker, cgroupfs, v1":                   {"9:pids:" + inPodOld + id + "\n", uid},
		"a guaranteed pod, systemd":              {"0::/kubepods.slice/kubepods-pod" + under + ".slice/crio-" + id + ".scope\n", uid},
		"a guaranteed pod, cgroupfs":             {"0::/kubepods/pod" + uid + "/" + id + "\n", uid},
		"the pause container":                    {"0::" + inPod + "cri-containerd-" + strings.Repeat("0", 64) + ".scope\n", uid},
		"a static pod":                           {"0::/kubepods/burstable/pod" + hash + "/" + id + "\n", hash},
		"a static pod, systemd":                  {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + hash + ".slice/x.scope\n", hash},
		"seen from another group, of one class":  {"0::/../../kubepods-besteffort-pod" + under + ".slice/cri-containerd-" + id + ".scope\n", uid},
		"seen from another group, cgroupfs":      {"0::/../../pod" + uid + "/" + id + "\n", uid},
		"a kubelet in a container (kind)":        {"0::/system.slice/docker-" + id + ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + under + ".slice/cri-containerd-" + id + ".scope\n", uid},
		"a node inside a pod":                    {"0::" + inPodOld + id + "/kubelet/kubepods/pod" + other + "/" + id + "\n", uid},
		"a group that the pod made":              {"0::" + inPodOld + id + "/init.scope\n", uid},
		"no end of line":                         {"0::" + inPodOld + id, uid},

		"nothing":                      {"", ""},
		"the node":                     {"0::/system.slice/kubelet.service\n", ""},
		"the pods' own group":          {"0::/kubepods.slice/kubepods-burstable.slice\n", ""},
		"a container of the host":      {"0::/system.slice/docker-" + id + ".scope\n", ""},
		"a pod of another engine":      {"0::/machine.slice/machine-libpod_pod_" + id + ".slice/libpod-" + id + ".scope\n", ""},
		"a UID that is too short":      {"0::/kubepods/pod" + uid[1:] + "/" + id + "\n", ""},
		"a UID in capitals":            {"0::/kubepods/pod" + strings.ToUpper(uid) + "/" + id + "\n", ""},
		"dashes at other places":       {"0::/kubepods/pod" + strings.Replace(uid, "-8", "8-", 1) + "/" + id + "\n", ""},
		"a word that ends in pod":      {"0::/tripod" + uid + "/x\n", ""},
		"a name among the controllers": {"1:name=pod" + uid + ":/\n", ""},
		"lines without colons":         {"pod" + uid + "\n\n::\n:", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := PodUID([]byte(tc.cgroups)); got != tc.want {
				t.Errorf("PodUID(%q) = %q, want %q", tc.cgroups, got, tc.want)
			}
		})
	}
}

const (
	snmp = "Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens\nTcp: 1 200 120000 -1 4711 12\nUdp: InDatagrams\nUdp: 9\n"
	stat = "sockets: used 42\nTCP: inuse 7 orphan 0 tw 3 alloc 9 mem 1\nUDP: inuse 2 mem 0\n"
)

func TestParseOpens(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want uint64
		ok   bool
	}{
		"what the kernel shows":      {snmp, 4711 + 12, true},
		"nothing":                    {"", 0, false},
		"names without numbers":      {"Tcp: ActiveOpens\n", 0, false},
		"numbers that are not there": {"Tcp: RtoMin ActiveOpens\nTcp: 1\n", 0, false},
		"numbers of words":           {"Tcp: ActiveOpens\nTcp: many\n", 0, false},
		"other counters":             {"Udp: ActiveOpens\nUdp: 3\n", 0, false},
	} {
		if got, ok := parseOpens([]byte(tc.text)); got != tc.want || ok != tc.ok {
			t.Errorf("%s: parseOpens() = %d, %t; want %d, %t", name, got, ok, tc.want, tc.ok)
		}
	}
}

func TestParseInUse(t *testing.T) {
	for name, tc := range map[string]struct {
		text, kind string
		want       int
	}{
		"what the kernel shows": {stat, "TCP:", 7},
		"another kind":          {stat, "UDP:", 2},
		"of IPv6":               {"TCP6: inuse 0\nUDP6: inuse 1\n", "TCP6:", 0},
		"a kind that is not":    {stat, "TCP6:", -1},
		"nothing":               {"", "TCP:", -1},
		"no number":             {"TCP: inuse \n", "TCP:", -1},
		"a number over all":     {"TCP: inuse 99999999999\n", "TCP:", -1},
	} {
		if got := parseInUse([]byte(tc.text), tc.kind); got != tc.want {
			t.Errorf("%s: parseInUse() = %d, want %d", name, got, tc.want)
		}
	}
}

// diag builds a socket as the kernel's diagnosis tells it.
func diag(family byte, r Row) []byte {
	msg := make([]byte, diagLength)
	msg[0], msg[diagState] = family, r.State
	binary.BigEndian.PutUint16(msg[diagLocalPort:], r.Local.Port())
	binary.BigEndian.PutUint16(msg[diagRemotePort:], r.Remote.Port())
	from, to := r.Local.Addr(), r.Remote.Addr()
	if family == diagFamilyINET {
		copy(msg[diagLocal:], from.AsSlice())
		copy(msg[diagRemote:], to.AsSlice())
	} else {
		six, sixth := from.As16(), to.As16()
		copy(msg[diagLocal:], six[:])
		copy(msg[diagRemote:], sixth[:])
	}
	binary.NativeEndian.PutUint32(msg[diagInode:], uint32(r.Inode))
	return msg
}

func TestDecodeDiag(t *testing.T) {
	four := Row{netip.MustParseAddrPort("10.1.0.4:40001"), netip.MustParseAddrPort("10.0.0.17:80"), established, 52410}
	six := Row{netip.MustParseAddrPort("[fd00::4]:40001"), netip.MustParseAddrPort("[fd00::17]:80"), listening, 7}
	for name, tc := range map[string]struct {
		msg  []byte
		want Row
		ok   bool
	}{
		"IPv4":              {diag(diagFamilyINET, four), four, true},
		"IPv6":              {diag(diagFamilyINET6, six), six, true},
		"IPv4 in IPv6 form": {diag(diagFamilyINET6, four), four, true},
		"attributes follow": {append(diag(diagFamilyINET, four), 1, 2, 3), four, true},
		"too short":         {diag(diagFamilyINET, four)[:diagLength-1], Row{}, false},
		"another family":    {diag(1, four), Row{}, false},
	} {
		got, ok := DecodeDiag(tc.msg)
		if diff := cmp.Diff(got, tc.want, addresses); ok != tc.ok || diff != "" {
			t.Errorf("%s: DecodeDiag() = %v (-got +want):\n%s", name, ok, diff)
		}
	}
}

// TestTableLawOfOrder: who is the client does not depend on the order in which sockets are listed.
func TestTableLawOfOrder(t *testing.T) {
	end := rapid.Custom(func(t *rapid.T) netip.AddrPort {
		addr := rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.2", "::", "0.0.0.0", "fd00::1", "127.0.0.1"}).Draw(t, "addr")
		return netip.AddrPortFrom(netip.MustParseAddr(addr), rapid.SampledFrom([]uint16{0, 80, 8080, 40000, 50000}).Draw(t, "port"))
	})
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Row {
			return Row{end.Draw(t, "local"), end.Draw(t, "remote"), rapid.SampledFrom([]uint8{established, listening, 6}).Draw(t, "state"), 0}
		}), 0, 20).Draw(t, "rows")
		sides := func(rows []Row) map[Row]Side {
			var table Table
			for _, r := range rows {
				table.Add(r)
			}
			return maps.Collect(table.Established())
		}
		if diff := cmp.Diff(sides(rapid.Permutation(rows).Draw(t, "other order")), sides(rows), addresses); diff != "" {
			t.Fatalf("another order tells other clients:\n%s", diff)
		}
	})
}

// FuzzTable: no list ends the process or gives more rows than it has lines. It does not check what a row says.
func FuzzTable(f *testing.F) {
	f.Add([]byte(head + row4 + row6))
	f.Add([]byte(strings.Repeat(row4[:len(row4)-1], 40)))
	f.Add([]byte("0: 0100007F:0016 0100007F:9C41 0A\n1: 0100007F:9C41 0100007F:0016 01\n"))
	f.Fuzz(func(t *testing.T, list []byte) {
		var table Table
		malformed, oversize, err := table.Read(bytes.NewReader(list))
		rows := 0
		for row, side := range table.Established() {
			rows++
			if side == Client && (row.Remote.Port() == 0 || row.Local.Addr().IsLoopback() || row.Local.Addr().Is4In6()) {
				t.Errorf("%+v is a client", row)
			}
		}
		if lines := bytes.Count(list, []byte("\n")) + 1; err != nil || oversize || rows+int(malformed) > lines {
			t.Errorf("%d rows and %d malformed of %d lines, oversize %t, %v", rows, malformed, lines, oversize, err)
		}
	})
}

// FuzzPodUID: what is found looks like a UID, whatever a path looks like.
func FuzzPodUID(f *testing.F) {
	f.Add([]byte("0::/kubepods/pod0d5f6c1e-8a57-4f0e-9a7c-1f2f6f2b9b11/8f3c\n"))
	f.Add([]byte("1:a:/x\n0::/../pod0d5f6c1e_8a57_4f0e_9a7c_1f2f6f2b9b11.slice:a:b"))
	f.Fuzz(func(t *testing.T, cgroups []byte) {
		if uid := PodUID(cgroups); uid != "" && uidOf([]byte(uid)) != uid {
			t.Errorf("PodUID() = %q", uid)
		}
	})
}

// FuzzCounters: no counters end the process, and what is not a number is none.
func FuzzCounters(f *testing.F) {
	f.Add([]byte(snmp), "TCP:")
	f.Add([]byte(stat), "UDP:")
	f.Add([]byte("Tcp: ActiveOpens ActiveOpens\nTcp: 1"), "TCP6:")
	f.Fuzz(func(t *testing.T, text []byte, kind string) {
		if n, ok := parseOpens(text); !ok && n != 0 {
			t.Errorf("parseOpens() = %d, false", n)
		}
		if n := parseInUse(text, kind); n < -1 {
			t.Errorf("parseInUse() = %d", n)
		}
	})
}

// FuzzDecodeDiag: no message ends the process.
func FuzzDecodeDiag(f *testing.F) {
	f.Add(diag(diagFamilyINET6, Row{netip.MustParseAddrPort("10.1.0.4:40001"), netip.MustParseAddrPort("[fd00::1]:80"), established, 1}))
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, msg []byte) {
		if r, ok := DecodeDiag(msg); ok && (!r.Local.Addr().IsValid() || !r.Remote.Addr().IsValid() || r.Local.Addr().Is4In6()) {
			t.Errorf("DecodeDiag() = %+v", r)
		}
	})
}

func BenchmarkParseRow(b *testing.B) {
	line := []byte(row6)
	b.ReportAllocs()
	for b.Loop() {
		ParseRow(line)
	}
}

func TestParseInfo(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want info
		ok   bool
	}{
		"a socket":              {"pos:\t0\nflags:\t02004002\nmnt_id:\t10\nino:\t5646944\n", info{10, 5646944}, true},
		"an epoll file":         {"pos:\t0\nmnt_id:\t17\nino:\t26\ntfd:        6 events:       19 data: 3  pos:0 ino:1a sdev:10\n", info{17, 26}, true},
		"Linux before 5.14":     {"pos:\t0\nflags:\t02\nmnt_id:\t10\n", info{10, 0}, false},
		"a file that is closed": {"", info{}, false},
		"no number":             {"mnt_id:\tx\nino:\t\n", info{}, false},
	} {
		if got, ok := parseInfo([]byte(tc.text)); got != tc.want || ok != tc.ok {
			t.Errorf("%s: %v, %t, want %v, %t", name, got, ok, tc.want, tc.ok)
		}
	}
}
