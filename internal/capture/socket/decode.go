package socket

import (
	"encoding/binary"
	"net/netip"
)

// Layout of a socket as the kernel's socket diagnosis tells it: struct inet_diag_msg of include/uapi/linux/inet_diag.h.
const (
	diagState       = 1
	diagLocalPort   = 4
	diagRemotePort  = 6
	diagLocal       = 8
	diagRemote      = 24
	diagInode       = 68
	diagLength      = 72
	diagFamilyINET  = 2
	diagFamilyINET6 = 10
)

// DecodeDiag reads a socket from the answer to a request for socket diagnosis, without its netlink header. It is false
// for what is too short or of another family.
func DecodeDiag(msg []byte) (Row, bool) {
	if len(msg) < diagLength {
		return Row{}, false
	}
	r := Row{State: msg[diagState], Inode: uint64(binary.NativeEndian.Uint32(msg[diagInode:]))}
	var from, to netip.Addr
	switch msg[0] {
	case diagFamilyINET:
		from, to = netip.AddrFrom4([4]byte(msg[diagLocal:])), netip.AddrFrom4([4]byte(msg[diagRemote:]))
	case diagFamilyINET6:
		from, to = netip.AddrFrom16([16]byte(msg[diagLocal:])).Unmap(), netip.AddrFrom16([16]byte(msg[diagRemote:])).Unmap()
	default:
		return Row{}, false
	}
	r.Local = netip.AddrPortFrom(from, binary.BigEndian.Uint16(msg[diagLocalPort:]))
	r.Remote = netip.AddrPortFrom(to, binary.BigEndian.Uint16(msg[diagRemotePort:]))
	return r, true
}

// diagRequest asks for the TCP sockets of one address family that listen, are connected or about to be: struct inet_diag_req_v2.
func diagRequest(family uint8) []byte {
	const protocolTCP, length = 6, 56
	request := make([]byte, length)
	request[0], request[1] = family, protocolTCP
	binary.NativeEndian.PutUint32(request[4:], 1<<established|1<<opening|1<<listening)
	return request
}
