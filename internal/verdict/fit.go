package verdict

import (
	"net/netip"
	"slices"

	"github.com/portolan-io/portolan/internal/traffic"
)

// conversation is what a rule is asked about: the subject of its policy, the other side at one address, and the port of
// the server.
type conversation struct {
	server   *actor
	other    *actor
	addr     netip.Addr // of the other side; invalid when it is not known
	port     int32
	protocol traffic.Protocol
}

// fit is how well a rule fits, and when that depends, on what.
type fit struct {
	match
	cause Cause
}

func surely(m match) fit { return fit{match: m} }

func depends(on Cause) fit { return fit{match: maybe, cause: on} }

// and returns the worse of two fits, or the better one.
func (f fit) and(g fit) fit {
	if g.match < f.match {
		return g
	}
	return f
}

func (f fit) or(g fit) fit {
	if g.match > f.match {
		return g
	}
	return f
}

// fits returns whether the rule of a policy in that namespace admits the conversation.
func (r *rule) fits(namespace string, c *conversation) fit {
	ports := r.fitsPort(c)
	if ports.match == no {
		return ports
	}
	return ports.and(r.fitsPeer(namespace, c))
}

func (r *rule) fitsPeer(namespace string, c *conversation) fit {
	if len(r.peers) == 0 {
		return surely(yes)
	}
	best := surely(no)
	for i := range r.peers {
		if best = best.or(r.peers[i].fits(namespace, c)); best.match == yes {
			return best
		}
	}
	return best
}

func (p *peer) fits(namespace string, c *conversation) fit {
	if p.block != nil {
		return p.block.fits(c)
	}
	selected := p.selects(namespace, c.other)
	switch {
	case selected == no:
		return surely(no)
	case c.other.host:
		return depends(HostNetwork)
	case selected == maybe:
		return depends(Unsupported)
	default:
		return surely(yes)
	}
}

// selects returns whether the selectors of a peer mean the actor, whatever network it is on.
func (p *peer) selects(namespace string, a *actor) match {
	if !a.isPod() {
		return no
	}
	if p.namespaces == nil {
		return min(matchIf(a.namespace == namespace), p.pods.selects(a.labels))
	}
	return min(p.namespaces.selects(a.around), p.pods.selects(a.labels))
}

func (b *block) fits(c *conversation) fit {
	switch {
	case b.invalid:
		return depends(Unsupported)
	case !c.addr.IsValid():
		return depends(UnknownAddr)
	default:
		excepted := slices.ContainsFunc(b.except, func(e netip.Prefix) bool { return e.Contains(c.addr) })
		return surely(matchIf(b.within.Contains(c.addr) && !excepted))
	}
}

func (r *rule) fitsPort(c *conversation) fit {
	if len(r.ports) == 0 {
		return surely(yes)
	}
	best := surely(no)
	for i := range r.ports {
		if best = best.or(r.ports[i].fits(c)); best.match == yes {
			return best
		}
	}
	return best
}

func (p *port) fits(c *conversation) fit {
	switch {
	case c.protocol == "":
		return depends(UnknownPort)
	case p.protocol != c.protocol:
		return surely(no)
	case p.name != "":
		return p.fitsNamed(c)
	case p.first <= 1 && p.last >= lastPort:
		return surely(yes)
	case c.port == 0:
		return depends(UnknownPort)
	default:
		return surely(matchIf(p.first <= c.port && c.port <= p.last))
	}
}

// fitsNamed looks the name up among the ports of the server's pod; who is no pod has none.
func (p *port) fitsNamed(c *conversation) fit {
	switch {
	case c.server.template:
		return depends(NoPods)
	case !c.server.isPod():
		return surely(no)
	}
	for i := range c.server.ports {
		declared := &c.server.ports[i]
		if declared.Name != p.name || declared.Protocol != p.protocol {
			continue
		}
		if c.port == 0 {
			return depends(UnknownPort)
		}
		if declared.Port == c.port {
			return surely(yes)
		}
	}
	return surely(no)
}
