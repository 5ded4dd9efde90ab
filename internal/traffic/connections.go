package traffic

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// Connections remembers which connections are open, for sources that look at the same ones again and again: each counts
// once, and while a pair of parties stays connected that is said again every minute, so that an edge does not look dead
// and an operator that has forgotten learns it anew.
//
//	     look 1   look 2   look 3   …   look 13 (a minute later)
//	a    new      known    known        said again: it is still there
//	b             new      known
//	     count 1  count 1               count 1
//
// It is bounded. It is pure: time comes with the sightings. It is not safe for concurrent use.
type Connections struct {
	seed  maphash.Seed
	limit int
	open  [2]map[uint64]struct{} // by the hash of both ends: of this look, of the one before
	said  [2]map[uint64]int64    // by the hash of the pair: when it was told last, in nanoseconds
	again uint64
}

// DefaultConnections is the default bound of a Connections: how many it remembers.
const DefaultConnections = 131_072

// saidAgain is how long a pair that stays connected is not mentioned: less than a minute, so that a look a minute says it
// each time.
const saidAgain = 55 * time.Second

// NewConnections returns a memory of nothing that holds at most limit connections. A limit below 1 means
// DefaultConnections.
func NewConnections(limit int) *Connections {
	if limit < 1 {
		limit = DefaultConnections
	}
	c := &Connections{seed: maphash.MakeSeed(), limit: limit}
	for i := range c.open {
		c.open[i], c.said[i] = make(map[uint64]struct{}), make(map[uint64]int64)
	}
	return c
}

// Look begins another look at everything. A connection that a look does not show is forgotten.
func (c *Connections) Look() {
	c.open[0], c.open[1] = c.open[1], c.open[0]
	c.said[0], c.said[1] = c.said[1], c.said[0]
	clear(c.open[0])
	clear(c.said[0])
}

// Tells reports whether s, which was seen in this look, says something: that its connection is new, or that its parties
// are still connected when nobody has said so for a minute. s.Last is the time of the look. The port of the client and
// everything that makes sightings different counts; First, Last, TTL and Count do not. Of a connection that was translated
// the server that it reached counts, not the one that it was opened to: a table may show it before its translation and
// behind it. It allocates only to grow.
func (c *Connections) Tells(s *Sighting) bool {
	pair := key{source: s.Source, from: s.From, to: s.To, what: s.What}
	if reached := s.What.Translated; reached.IsValid() {
		pair.to, pair.what.Translated = Party{Addr: reached.Addr(), Port: reached.Port()}, netip.AddrPort{}
	}
	connection := maphash.Comparable(c.seed, pair)
	pair.from.Port = 0
	both := maphash.Comparable(c.seed, pair)
	fresh := c.fresh(connection)
	if at, told := c.told(both); told && !fresh && time.Duration(s.Last.UnixNano()-at).Abs() < saidAgain {
		c.said[0][both] = at
		return false
	}
	if len(c.said[0]) < c.limit {
		c.said[0][both] = s.Last.UnixNano()
	}
	return true
}

func (c *Connections) fresh(connection uint64) bool {
	if _, known := c.open[0][connection]; known {
		return false
	}
	_, known := c.open[1][connection]
	if len(c.open[0]) >= c.limit {
		c.again++
		return !known
	}
	c.open[0][connection] = struct{}{}
	return !known
}

func (c *Connections) told(pair uint64) (at int64, told bool) {
	for _, said := range c.said {
		if at, told = said[pair]; told {
			return at, true
		}
	}
	return 0, false
}

// Again returns how many connections could not be remembered because of the bound. They are told in each look, so nothing
// is lost and their counts are too high.
func (c *Connections) Again() uint64 { return c.again }
