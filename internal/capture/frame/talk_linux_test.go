package frame_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/portolan-io/portolan/internal/testkit/node"
)

// serveDNS answers every question with an A and an AAAA record, over UDP and TCP on port 53, and accepts on 8080.
func serveDNS(t *testing.T, p *node.Pod) {
	t.Helper()
	p.In(func() error {
		udp, err := net.ListenPacket("udp", ":53")
		if err != nil {
			return err
		}
		t.Cleanup(func() { udp.Close() })
		go serveUDP(udp)
		for _, address := range []string{":53", ":8080"} {
			tcp, err := net.Listen("tcp", address)
			if err != nil {
				return err
			}
			t.Cleanup(func() { tcp.Close() })
			go serveTCP(tcp)
		}
		return nil
	})
}

func serveUDP(c net.PacketConn) {
	buffer := make([]byte, 512)
	for {
		n, from, err := c.ReadFrom(buffer)
		if err != nil {
			return
		}
		if msg, err := respond(buffer[:n]); err == nil {
			_, _ = c.WriteTo(msg, from)
		}
	}
}

// serveTCP sends each answer in two segments.
func serveTCP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			question, err := readMessage(c)
			if err != nil {
				return
			}
			if msg, err := respond(question); err == nil {
				framed := binary.BigEndian.AppendUint16(nil, uint16(len(msg)))
				framed = append(framed, msg...)
				_, _ = c.Write(framed[:17])
				_, _ = c.Write(framed[17:])
				_, _ = c.Read(framed) // until the client has read all of it
			}
		}()
	}
}

func respond(question []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	head := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 5}
	m.Response = true
	m.Answers = []dnsmessage.Resource{
		{Header: head, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}},
		{Header: head, Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("2001:db8::53").As16()}},
	}
	return m.Pack()
}

// ask looks up <network>.example at the server, with a fixed id per family: only client and port tell lookups apart.
func ask(network string, server netip.Addr) error {
	c, err := net.Dial(network, netip.AddrPortFrom(server, 53).String())
	if err != nil {
		return err
	}
	defer c.Close()
	question := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(network + ".example."), Type: dnsmessage.TypeALL, Class: dnsmessage.ClassINET}},
	}
	msg, err := question.Pack()
	if err != nil {
		return err
	}
	if network == "tcp" {
		msg = append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
	}
	if _, err := c.Write(msg); err != nil {
		return err
	}
	if network == "tcp" {
		_, err = readMessage(c)
		return err
	}
	_, err = c.Read(make([]byte, 512))
	return err
}

func readMessage(c net.Conn) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(c, msg)
	return msg, err
}

func connect(server netip.Addr, times int) error {
	for range times {
		c, err := net.Dial("tcp", netip.AddrPortFrom(server, 8080).String())
		if err != nil {
			return err
		}
		c.Close()
	}
	return nil
}
