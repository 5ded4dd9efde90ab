package frame

import "hash/maphash"

// Copies remembers the most recent packets of one kind by key, so that the same packet on another interface, or sent
// again, is recognised. It holds a fixed number of keys; the oldest leaves when a new one comes. All memory is taken at
// the start. It is not safe for concurrent use.
//
//	heads:  hash of a key ─▶ newest place with that hash ─▶ older place ─▶ …
//	places: a ring; the packet number n lies at n modulo its size
type Copies[K comparable, V any] struct {
	seed   maphash.Seed
	heads  []int32 // place of the newest key of each bucket, or nowhere
	places []place[K, V]
	added  uint64
}

type place[K comparable, V any] struct {
	key    K
	value  V
	bucket uint32
	older  int32 // next place in the same bucket, or nowhere
	linked bool  // the bucket leads here
}

const nowhere = -1

// NewCopies returns an empty memory of size keys; size must be between 1 and 2^30.
func NewCopies[K comparable, V any](size int) *Copies[K, V] {
	buckets := 1
	for buckets < 2*size {
		buckets *= 2
	}
	c := &Copies[K, V]{seed: maphash.MakeSeed(), heads: make([]int32, buckets), places: make([]place[K, V], size)}
	for i := range c.heads {
		c.heads[i] = nowhere
	}
	return c
}

// Find returns the value of the packet with the key k, or nil. The pointer is valid until the next Add.
func (c *Copies[K, V]) Find(k K) *V {
	at := c.lookup(c.bucket(k), &k)
	if at == nowhere {
		return nil
	}
	return &c.places[at].value
}

// Add remembers v under k, in place of the oldest packet if the memory is full. An older packet with the same key is
// forgotten.
func (c *Copies[K, V]) Add(k K, v V) {
	at := int32(c.added % uint64(len(c.places)))
	if c.added >= uint64(len(c.places)) && c.places[at].linked {
		c.unlink(c.places[at].bucket, at)
	}
	b := c.bucket(k)
	if known := c.lookup(b, &k); known != nowhere {
		c.unlink(b, known)
	}
	c.places[at] = place[K, V]{key: k, value: v, bucket: b, linked: true, older: c.heads[b]}
	c.heads[b] = at
	c.added++
}

// Added returns how many packets were ever added. Their numbers are 0 to Added-1.
func (c *Copies[K, V]) Added() uint64 { return c.added }

// At returns key and value of the packet with the number n, which must be one of the last that the memory holds. The
// pointers are valid until the next Add.
func (c *Copies[K, V]) At(n uint64) (*K, *V) {
	p := &c.places[n%uint64(len(c.places))]
	return &p.key, &p.value
}

func (c *Copies[K, V]) bucket(k K) uint32 {
	return uint32(maphash.Comparable(c.seed, k)) & uint32(len(c.heads)-1)
}

// lookup returns the place of k in the bucket, or nowhere.
func (c *Copies[K, V]) lookup(bucket uint32, k *K) int32 {
	at := c.heads[bucket]
	for at != nowhere && c.places[at].key != *k {
		at = c.places[at].older
	}
	return at
}

// unlink takes the place at out of its bucket.
func (c *Copies[K, V]) unlink(bucket uint32, at int32) {
	link := &c.heads[bucket]
	for *link != at {
		link = &c.places[*link].older
	}
	*link = c.places[at].older
	c.places[at].linked = false
}
