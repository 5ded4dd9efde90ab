package conntrack

import (
	"net/netip"
	"time"
)

const (
	clientsKept    = 16_384           // pairs of ends
	clientsKeptFor = 15 * time.Minute // after the last entry of the flow was there
)

// clients remembers which end of a flow is its client, for longer than the kernel does. The kernel takes for the client
// whoever sends the first packet of an entry. That is right for the first entry of a flow; but when it has expired or was
// deleted, and the server speaks next, the new one is the wrong way round:
//
//	                         original                          reply
//	the client begins        client:40112 → service:514        pod:5140 → client:40112
//	its entry expires
//	the server speaks        pod:5140 → client:40112           client:40112 → pod:5140
//
// So a flow is known by both of its ends, in either direction, before its translation and behind it. It is bounded: what
// was not seen for longest is forgotten first. It is not safe for concurrent use.
type clients struct {
	limit  int
	places map[pair]int
	all    []client // the first one is none: the list of ages begins and ends there
}

// pair is both ends of a flow, whoever sends.
type pair struct {
	protocol uint8
	one, two netip.AddrPort // ordered
}

// client is what is remembered of one pair of ends.
type client struct {
	between         pair
	sends           Tuple // what the client's packets have between these ends
	original, reply Tuple // what the kernel had in the first entry
	seen            time.Time
	older, newer    int // places in the list of ages
}

func newClients(limit int) *clients {
	return &clients{limit: limit, places: make(map[pair]int), all: make([]client, 1)}
}

// turn gives f the directions that its flow had before, if its entry has them the wrong way round.
func (c *clients) turn(f *Flow, at time.Time) {
	if f.Protocol == protocolTCP && f.State == tcpSynReceived {
		return // a handshake shows who begins
	}
	place, known := c.places[between(f.Protocol, f.Original)]
	if !known {
		return
	}
	if was := &c.all[place]; was.sends != f.Original && !was.gone(at) {
		f.Original, f.Reply = was.original, was.reply
		c.see(place, at)
	}
}

// remember takes f for a flow whose client is known. It returns how many flows had to be forgotten early, for want of room.
// It allocates only to grow.
func (c *clients) remember(f *Flow, at time.Time) (forgotten uint64) {
	forgotten = c.put(f, f.Original, at)
	if behind := f.Reply.reversed(); behind != f.Original {
		forgotten += c.put(f, behind, at)
	}
	return forgotten
}

// put remembers f by the ends that its client's packets have before the translation, or behind it.
func (c *clients) put(f *Flow, sends Tuple, at time.Time) (forgotten uint64) {
	if sends.Source.Port() == sends.Destination.Port() {
		return 0 // peers, each of which may begin
	}
	key := between(f.Protocol, sends)
	place, known := c.places[key]
	if !known {
		place, forgotten = c.room(at)
		c.places[key] = place
	}
	if was := &c.all[place]; !known || was.sends != sends || was.gone(at) || f.Translated().IsValid() {
		was.between, was.sends, was.original, was.reply = key, sends, f.Original, f.Reply
	} // else it may be the same flow in another zone, where its translation is not seen
	c.see(place, at)
	return forgotten
}

// room returns a free place. When all are taken, what was not seen for longest makes room.
func (c *clients) room(at time.Time) (place int, forgotten uint64) {
	if len(c.all) <= c.limit {
		c.all = append(c.all, client{})
		place = len(c.all) - 1
		c.all[place].older, c.all[place].newer = place, place
		return place, 0
	}
	place = c.all[0].newer
	oldest := &c.all[place]
	delete(c.places, oldest.between)
	if !oldest.gone(at) {
		forgotten = 1
	}
	return place, forgotten
}

// see makes what is at a place the newest.
func (c *clients) see(place int, at time.Time) {
	it, none := &c.all[place], &c.all[0]
	c.all[it.older].newer, c.all[it.newer].older = it.newer, it.older
	it.older, it.newer, it.seen = none.older, 0, at
	c.all[it.older].newer, none.older = place, place
}

// gone reports whether it is too long ago to say anything: other programs may have the ports by now.
func (c *client) gone(at time.Time) bool { return at.Sub(c.seen) > clientsKeptFor }

func between(protocol uint8, t Tuple) pair {
	if t.Source.Compare(t.Destination) > 0 {
		t = t.reversed()
	}
	return pair{protocol, t.Source, t.Destination}
}

func (t Tuple) reversed() Tuple { return Tuple{t.Destination, t.Source} }
