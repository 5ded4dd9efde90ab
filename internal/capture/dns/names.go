package dns

// names turns the bytes of a name into a string without an allocation when it has seen the name before. It is bounded:
// when it is full it forgets everything and begins again, which costs allocations and no information.
type names struct {
	known    map[string]string
	octets   int
	restarts int
}

const (
	mostNames  = 4096
	mostOctets = 1 << 20
)

func (n *names) text(b []byte) string {
	if s, known := n.known[string(b)]; known {
		return s
	}
	if n.known == nil {
		n.known = make(map[string]string)
	}
	if len(n.known) >= mostNames || n.octets+len(b) > mostOctets {
		clear(n.known)
		n.octets = 0
		n.restarts++
	}
	s := string(b)
	n.known[s] = s
	n.octets += len(s)
	return s
}
