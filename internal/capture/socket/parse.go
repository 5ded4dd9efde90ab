package socket

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"slices"
	"strconv"
)

// Row is one TCP socket as the kernel lists it.
type Row struct {
	Local, Remote netip.AddrPort // unmapped: an IPv4 address is never in IPv6 form
	State         uint8
	Inode         uint64 // of the socket; 0 when the list does not say
}

// TCP states as the kernel numbers them. Source: include/net/tcp_states.h.
const (
	established = 0x01
	opening     = 0x02
	listening   = 0x0a
)

// Columns of a row.
const (
	columnLocal  = 1
	columnRemote = 2
	columnState  = 3
	columnInode  = 9
	leastColumns = columnState + 1
)

// ParseRow reads a line of /proc/net/tcp or tcp6, such as
//
//	0: 5978F40A:89A4 B30E620A:0050 01 00000000:00000000 00:00000000 00000000     0        0 52410 1 …
//
// Addresses are 32-bit words in little-endian order, four of them in tcp6; ports are plain. It is false for a line that
// is not such a row, or only its beginning. It allocates nothing.
//
// Source: Documentation/networking/proc_net_tcp.rst of the kernel, and its net/ipv4/tcp_ipv4.c and net/ipv6/tcp_ipv6.c.
func ParseRow(line []byte) (r Row, ok bool) {
	columns := 0
	for field := range bytes.FieldsSeq(line) {
		switch columns {
		case columnLocal:
			r.Local, ok = parseEnd(field)
		case columnRemote:
			r.Remote, ok = parseEnd(field)
		case columnState:
			r.State, ok = parseState(field)
		case columnInode:
			r.Inode, ok = parseNumber(field)
			return r, ok
		default:
			ok = true
		}
		if !ok {
			return Row{}, false
		}
		columns++
	}
	return r, columns >= leastColumns
}

// isHead reports whether the line is the one with the names of the columns.
func isHead(line []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte("sl ")) }

// parseEnd reads address and port of one side.
func parseEnd(field []byte) (netip.AddrPort, bool) {
	address, port, found := bytes.Cut(field, []byte(":"))
	var octets [16]byte
	if !found || len(port) != 4 || len(address) != 8 && len(address) != 32 {
		return netip.AddrPort{}, false
	}
	n, err := hex.Decode(octets[:], address)
	if err != nil {
		return netip.AddrPort{}, false
	}
	for at := 0; at < n; at += 4 {
		binary.BigEndian.PutUint32(octets[at:], binary.LittleEndian.Uint32(octets[at:]))
	}
	a, _ := netip.AddrFromSlice(octets[:n])
	var number [2]byte
	_, err = hex.Decode(number[:], port)
	return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(number[:])), err == nil
}

func parseState(field []byte) (uint8, bool) {
	var state [1]byte
	if len(field) != 2 {
		return 0, false
	}
	_, err := hex.Decode(state[:], field)
	return state[0], err == nil
}

func parseNumber(field []byte) (uint64, bool) {
	n, err := strconv.ParseUint(string(field), 10, 64)
	return n, err == nil
}

// parseOpens returns how many TCP connections a network namespace has opened and accepted, from its counters as
// /proc/net/snmp lists them: a line with names and a line with numbers, both behind "Tcp:".
func parseOpens(text []byte) (uint64, bool) {
	var names [][]byte
	for line := range bytes.Lines(text) {
		rest, found := bytes.CutPrefix(line, []byte("Tcp: "))
		if !found {
			continue
		}
		fields := bytes.Fields(rest)
		if names == nil {
			names = fields
			continue
		}
		active, opens := column(names, fields, "ActiveOpens")
		passive, accepts := column(names, fields, "PassiveOpens")
		if !opens || !accepts {
			return 0, false
		}
		return active + passive, true
	}
	return 0, false
}

// column returns the number below a name.
func column(names, numbers [][]byte, name string) (uint64, bool) {
	at := slices.IndexFunc(names, func(n []byte) bool { return string(n) == name })
	if at < 0 || at >= len(numbers) {
		return 0, false
	}
	return parseNumber(numbers[at])
}

// parseInUse returns how many sockets of a kind, such as "TCP:", are in use, as /proc/net/sockstat and sockstat6 say; -1
// when they do not.
func parseInUse(text []byte, kind string) int {
	for line := range bytes.Lines(text) {
		rest, found := bytes.CutPrefix(line, []byte(kind+" inuse "))
		if !found {
			continue
		}
		number, _, _ := bytes.Cut(rest, []byte(" "))
		if n, ok := parseNumber(bytes.TrimSpace(number)); ok && n <= math.MaxInt32 {
			return int(n)
		}
	}
	return -1
}

// info is what the kernel says about an open file.
type info struct{ mount, inode uint64 }

// parseInfo reads a file of /proc/<pid>/fdinfo. It is false when the kernel does not tell both numbers.
func parseInfo(text []byte) (i info, complete bool) {
	var mounted, numbered bool
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(line, []byte(":\t"))
		n, ok := parseNumber(bytes.TrimSpace(value))
		switch string(name) {
		case "mnt_id":
			i.mount, mounted = n, ok
		case "ino":
			i.inode, numbered = n, ok
		}
	}
	return i, mounted && numbered
}
