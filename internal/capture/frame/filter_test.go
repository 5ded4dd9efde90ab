package frame

import (
	"testing"

	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"
)

// verdict runs the filter on a packet. The machine for tests has no ancillary data of the kernel, so the two loads of it
// become loads of constants.
func verdict(t testing.TB, packet []byte, etherType, hardware uint32) int {
	t.Helper()
	program := Filter()
	for i, ins := range program {
		switch ins {
		case bpf.LoadExtension{Num: bpf.ExtProto}:
			program[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: etherType}
		case bpf.LoadExtension{Num: bpf.ExtLinkLayerType}:
			program[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: hardware}
		}
	}
	vm, err := bpf.NewVM(program)
	must(t, err)
	n, err := vm.Run(packet)
	must(t, err)
	return n
}

const hardwareEthernet = 1

func TestFilter(t *testing.T) {
	fromDNS := func(s *segment) { s.sport, s.flags = 53, FlagACK }
	withFlags := func(flags uint8) func(*segment) { return func(s *segment) { s.flags = flags } }
	options := func(s *segment) {
		s.options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
	}
	extended := func(kinds ...uint8) func(*segment) { return func(s *segment) { s.extensions = kinds } }
	for name, tc := range map[string]struct {
		packet    []byte
		etherType uint32
		want      int
	}{
		"an answer over UDP and IPv4":             {answer4().build(t), EtherTypeIPv4, keepAll},
		"an answer over UDP and IPv6":             {answer6().build(t), EtherTypeIPv6, keepAll},
		"an answer over TCP and IPv4":             {syn4().with(fromDNS).build(t), EtherTypeIPv4, keepAll},
		"an answer over TCP and IPv6":             {syn6().with(fromDNS).build(t), EtherTypeIPv6, keepAll},
		"a question":                              {answer4().with(func(s *segment) { s.sport, s.dport = 4000, 53 }).build(t), EtherTypeIPv4, 0},
		"other UDP over IPv6":                     {answer6().with(func(s *segment) { s.sport = 5353 }).build(t), EtherTypeIPv6, 0},
		"a SYN over IPv4":                         {syn4().build(t), EtherTypeIPv4, keepHeaders},
		"a SYN over IPv6":                         {syn6().build(t), EtherTypeIPv6, keepHeaders},
		"a SYN with ECE and CWR":                  {syn4().with(withFlags(FlagSYN | 0xc0)).build(t), EtherTypeIPv4, keepHeaders},
		"a SYN behind options of IPv4":            {syn4().with(options).build(t), EtherTypeIPv4, keepHeaders},
		"an answer behind options of IPv4":        {answer4().with(options).build(t), EtherTypeIPv4, keepAll},
		"a SYN-ACK":                               {syn4().with(withFlags(FlagSYN | FlagACK)).build(t), EtherTypeIPv4, 0},
		"a SYN-ACK over IPv6":                     {syn6().with(withFlags(FlagSYN | FlagACK)).build(t), EtherTypeIPv6, 0},
		"a SYN with RST":                          {syn4().with(withFlags(FlagSYN | FlagRST)).build(t), EtherTypeIPv4, 0},
		"a SYN with FIN":                          {syn4().with(withFlags(FlagSYN | FlagFIN)).build(t), EtherTypeIPv4, 0},
		"an ACK":                                  {syn4().with(withFlags(FlagACK)).build(t), EtherTypeIPv4, 0},
		"no flag":                                 {syn6().with(withFlags(0)).build(t), EtherTypeIPv6, 0},
		"a first fragment":                        {answer4().with(func(s *segment) { s.ipv4Flags = layers.IPv4MoreFragments }).build(t), EtherTypeIPv4, keepAll},
		"a later fragment":                        {answer4().with(func(s *segment) { s.offset = 185 }).build(t), EtherTypeIPv4, 0},
		"a first fragment of IPv6":                {answer6().with(extended(extensionFragment)).build(t), EtherTypeIPv6, keepAll},
		"a later fragment of IPv6":                {answer6().with(func(s *segment) { s.offset = 185; s.extensions = []uint8{extensionFragment} }).build(t), EtherTypeIPv6, 0},
		"hop-by-hop options":                      {syn6().with(extended(extensionHopByHop)).build(t), EtherTypeIPv6, keepAll},
		"a routing header":                        {syn6().with(extended(extensionRouting)).build(t), EtherTypeIPv6, keepAll},
		"destination options":                     {syn6().with(extended(extensionOptions)).build(t), EtherTypeIPv6, keepAll},
		"extension headers behind a tag":          {tagged(syn6().with(extended(extensionHopByHop)).build(t), EtherTypeIPv6), EtherTypeVLAN, keepAll},
		"extension headers behind two tags":       {tagged(syn6().with(extended(extensionOptions)).build(t), EtherTypeVLAN, EtherTypeIPv6), EtherTypeQinQ, keepAll},
		"a later fragment of IPv6 behind a tag":   {tagged(answer6().with(func(s *segment) { s.offset = 185; s.extensions = []uint8{extensionFragment} }).build(t), EtherTypeIPv6), EtherTypeVLAN, 0},
		"a SYN with ECE and CWR over IPv6":        {syn6().with(withFlags(FlagSYN | 0xc0)).build(t), EtherTypeIPv6, keepHeaders},
		"a SYN with ECE behind a tag":             {tagged(syn4().with(withFlags(FlagSYN|0x40)).build(t), EtherTypeIPv4), EtherTypeVLAN, keepHeaders},
		"a SYN-ACK with ECE":                      {syn4().with(withFlags(FlagSYN | FlagACK | 0x40)).build(t), EtherTypeIPv4, 0},
		"an authentication header":                {syn6().with(extended(51)).build(t), EtherTypeIPv6, 0},
		"ICMP":                                    {set(answer4().build(t), 9, 1), EtherTypeIPv4, 0},
		"ARP":                                     {answer4().build(t), 0x0806, 0},
		"one tag":                                 {tagged(syn4().build(t), EtherTypeIPv4), EtherTypeVLAN, keepHeaders},
		"one service tag before IPv6":             {tagged(answer6().build(t), EtherTypeIPv6), EtherTypeQinQ, keepAll},
		"two tags":                                {tagged(answer4().build(t), EtherTypeVLAN, EtherTypeIPv4), EtherTypeQinQ, keepAll},
		"two tags before IPv6":                    {tagged(syn6().build(t), EtherTypeQinQ, EtherTypeIPv6), EtherTypeVLAN, keepHeaders},
		"three tags":                              {tagged(answer4().build(t), EtherTypeVLAN, EtherTypeVLAN, EtherTypeIPv4), EtherTypeVLAN, 0},
		"a tag that the kernel does not show":     {answer4().build(t), EtherTypeVLAN, keepAll},
		"a tag before IPv6 that it does not show": {syn6().build(t), EtherTypeVLAN, keepHeaders},
		"a question behind a tag":                 {tagged(answer4().with(func(s *segment) { s.sport = 4000 }).build(t), EtherTypeIPv4), EtherTypeVLAN, 0},
		"a packet that ends in its IP header":     {answer4().build(t)[:9], EtherTypeIPv4, 0},
		"a packet that ends before its TCP flags": {syn6().build(t)[:50], EtherTypeIPv6, 0},
		"nothing":                                 {nil, EtherTypeIPv4, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := verdict(t, tc.packet, tc.etherType, hardwareEthernet); got != tc.want {
				t.Errorf("the filter passes %d octets, want %d", got, tc.want)
			}
			if got := verdict(t, tc.packet, tc.etherType, hardwareLoopback); got != 0 {
				t.Errorf("the filter passes %d octets on loopback, want none", got)
			}
		})
	}
}

// Jumps of the filter language reach 255 instructions; a longer block would be cut without a word.
func TestFilterIsShortEnough(t *testing.T) {
	for name, block := range map[string][]bpf.Instruction{"tagged": taggedAt(0), "IPv4": ipv4At(0), "IPv6": ipv6At(0)} {
		if len(block) > 255 {
			t.Errorf("the block %s has %d instructions, want at most 255", name, len(block))
		}
	}
	if _, err := bpf.Assemble(Filter()); err != nil {
		t.Error(err)
	}
}

// FuzzFilter checks that the filter keeps what Parse would hand to a decoder: an answer from port 53 or a SYN. It does not
// check that it keeps nothing else; the table does.
func FuzzFilter(f *testing.F) {
	for _, s := range []segment{answer4(), answer6(), syn4(), syn6()} {
		f.Add(s.build(f), false)
		f.Add(s.build(f), true)
	}
	f.Fuzz(func(t *testing.T, packet []byte, six bool) {
		etherType := uint16(EtherTypeIPv4)
		if six {
			etherType = EtherTypeIPv6
		}
		var p Packet
		if Parse(&p, &Frame{Payload: packet, EtherType: etherType}) != nil {
			return
		}
		opens := p.Protocol == ProtocolTCP && p.Flags&(FlagSYN|FlagACK|FlagRST|FlagFIN) == FlagSYN
		wanted := opens || p.Source.Port() == portDNS
		if kept := verdict(t, packet, uint32(etherType), hardwareEthernet); wanted && kept == 0 {
			t.Fatalf("the filter drops %v to %v", p.Source, p.Destination)
		}
	})
}
