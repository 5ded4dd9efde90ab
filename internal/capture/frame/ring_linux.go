package frame

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is the memory that the kernel fills with packets, a TPACKET_V3 receive ring.
//
//	block 0              block 1              …   the kernel owns a block until it is full or old enough,
//	[head|pkt|pkt|pkt  ] [head|pkt|           ]   then it sets the status word and the block is ours until we clear it
//
// Source: Documentation/networking/packet_mmap.rst and include/uapi/linux/if_packet.h of the kernel.
type ring struct {
	memory []byte
	block  int // size of a block
	next   int // offset of the block that the kernel will hand over next
}

// ringError says that the kernel refused the ring, while plain reading may work.
type ringError struct{ err error }

func (e *ringError) Error() string { return e.err.Error() }
func (e *ringError) Unwrap() error { return e.err }

const (
	retireAfter   = 50 * time.Millisecond // age at which the kernel hands over a block that is not full
	ringFrameSize = 2048                  // the kernel wants one; blocks of version 3 do not use it
)

func newRing(fd int, o Options) (intake, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, &ringError{fmt.Errorf("the kernel refused version 3 of the packet ring: %w", err)}
	}
	request := unix.TpacketReq3{
		Block_size:     uint32(o.BlockBytes),
		Block_nr:       uint32(o.RingBytes / o.BlockBytes),
		Frame_size:     ringFrameSize,
		Frame_nr:       uint32(o.RingBytes / ringFrameSize),
		Retire_blk_tov: uint32(retireAfter.Milliseconds()),
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return nil, &ringError{fmt.Errorf("the kernel refused a packet ring of %d bytes: %w", o.RingBytes, err)}
	}
	memory, err := unix.Mmap(fd, 0, o.RingBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, &ringError{fmt.Errorf("mapping the packet ring of %d bytes: %w", o.RingBytes, err)}
	}
	return &ring{memory: memory, block: o.BlockBytes}, nil
}

func (r *ring) close() error { return unix.Munmap(r.memory) }

// take hands over the packets of all blocks that are ours, at most once around the ring.
func (r *ring) take(_ int, handle func(*Frame)) (n int, _ error) {
	for range len(r.memory) / r.block {
		block := r.memory[r.next : r.next+r.block]
		status := (*uint32)(unsafe.Pointer(&block[blockStatus]))
		if atomic.LoadUint32(status)&unix.TP_STATUS_USER == 0 {
			break
		}
		n += walkBlock(block, handle)
		atomic.StoreUint32(status, unix.TP_STATUS_KERNEL)
		r.next = (r.next + r.block) % len(r.memory)
	}
	return n, nil
}

// Where the kernel puts the fields of a block's head, from its start; see tpacket_block_desc.
const (
	blockHead   = unsafe.Offsetof(unix.TpacketBlockDesc{}.Hdr)
	blockStatus = blockHead + unsafe.Offsetof(unix.TpacketHdrV1{}.Block_status)
	blockCount  = blockHead + unsafe.Offsetof(unix.TpacketHdrV1{}.Num_pkts)
	blockFirst  = blockHead + unsafe.Offsetof(unix.TpacketHdrV1{}.Offset_to_first_pkt)
)

// Where it puts the fields of a packet's head, from its start; see tpacket3_hdr, which sockaddr_ll follows.
const (
	headNext      = unsafe.Offsetof(unix.Tpacket3Hdr{}.Next_offset)
	headSeconds   = unsafe.Offsetof(unix.Tpacket3Hdr{}.Sec)
	headNanos     = unsafe.Offsetof(unix.Tpacket3Hdr{}.Nsec)
	headKept      = unsafe.Offsetof(unix.Tpacket3Hdr{}.Snaplen)
	headLength    = unsafe.Offsetof(unix.Tpacket3Hdr{}.Len)
	headPayload   = unsafe.Offsetof(unix.Tpacket3Hdr{}.Net)
	address       = unix.SizeofTpacket3Hdr
	headEtherType = address + unsafe.Offsetof(unix.RawSockaddrLinklayer{}.Protocol)
	headInterface = address + unsafe.Offsetof(unix.RawSockaddrLinklayer{}.Ifindex)
	headDirection = address + unsafe.Offsetof(unix.RawSockaddrLinklayer{}.Pkttype)
	headSize      = address + unix.SizeofSockaddrLinklayer
)

// walkBlock hands over the packets of one block and returns how many. It stays within the block whatever the block says.
func walkBlock(block []byte, handle func(*Frame)) (n int) {
	native := binary.NativeEndian
	at := int(native.Uint32(block[blockFirst:]))
	var f Frame
	for range native.Uint32(block[blockCount:]) {
		if at < 0 || at+int(headSize) > len(block) {
			break
		}
		head := block[at:]
		start, kept := int(native.Uint16(head[headPayload:])), int(native.Uint32(head[headKept:]))
		if start+kept > len(head) {
			break
		}
		f = Frame{
			Payload:   head[start : start+kept],
			EtherType: binary.BigEndian.Uint16(head[headEtherType:]),
			Time:      time.Unix(int64(native.Uint32(head[headSeconds:])), int64(native.Uint32(head[headNanos:]))).UTC(),
			Interface: int(int32(native.Uint32(head[headInterface:]))),
			Outgoing:  head[headDirection] == unix.PACKET_OUTGOING,
			Cut:       kept < int(native.Uint32(head[headLength:])),
		}
		handle(&f)
		n++
		next := int(native.Uint32(head[headNext:]))
		if next < int(headSize) { // 0 in the last packet
			break
		}
		at += next
	}
	return n
}
