package cluster

import (
	"hash/maphash"
	"iter"
	"maps"
)

// index maps keys to values. It is immutable: an edit shares with the index before it every shard in which nothing
// changed, so that its cost does not grow with the cluster.
type index[K comparable, V any] struct {
	shards *[indexShards]map[K]V
	seed   maphash.Seed // set with shards
}

const indexShards = 256

// at returns the value of a key, and whether there is one.
func (x index[K, V]) at(key K) (value V, known bool) {
	if x.shards == nil {
		return value, false
	}
	value, known = x.shards[shardOf(x.seed, key)][key]
	return value, known
}

// shard returns one of the maps that x is made of; nil where there is none.
func (x index[K, V]) shard(i int) map[K]V {
	if x.shards == nil {
		return nil
	}
	return x.shards[i]
}

// all yields every key with its value, in no order.
func (x index[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if x.shards == nil {
			return
		}
		for _, shard := range x.shards {
			for key, value := range shard {
				if !yield(key, value) {
					return
				}
			}
		}
	}
}

// edit returns an editor for the next version of x.
func (x index[K, V]) edit() *editor[K, V] { return &editor[K, V]{before: x} }

// editor makes a new version of an index. It belongs to one goroutine.
type editor[K comparable, V any] struct {
	before index[K, V]
	next   index[K, V] // without shards while nothing changed
	copied [indexShards]bool
}

// done returns the new version. The editor must not be used any more.
func (e *editor[K, V]) done() index[K, V] {
	if e.next.shards == nil {
		return e.before
	}
	return e.next
}

func (e *editor[K, V]) at(key K) V {
	current := e.next
	if current.shards == nil {
		current = e.before
	}
	value, _ := current.at(key)
	return value
}

// set replaces the value of a key.
func (e *editor[K, V]) set(key K, value V) {
	shard := e.open(key)
	if *shard == nil {
		*shard = make(map[K]V)
	}
	(*shard)[key] = value
}

// forget removes a key.
func (e *editor[K, V]) forget(key K) { delete(*e.open(key), key) }

// open returns the shard of a key, which is then the new version's own.
func (e *editor[K, V]) open(key K) *map[K]V {
	if e.next.shards == nil {
		e.next = index[K, V]{shards: new([indexShards]map[K]V), seed: e.before.seed}
		if e.before.shards == nil {
			e.next.seed = maphash.MakeSeed()
		} else {
			*e.next.shards = *e.before.shards
		}
	}
	i := shardOf(e.next.seed, key)
	if !e.copied[i] {
		e.copied[i] = true
		e.next.shards[i] = maps.Clone(e.next.shards[i])
	}
	return &e.next.shards[i]
}

func shardOf[K comparable](seed maphash.Seed, key K) uint8 {
	return uint8(maphash.Comparable(seed, key))
}

// setList replaces the list of a key; an empty list forgets the key.
func setList[K comparable, V any](e *editor[K, []V], key K, list []V) {
	if len(list) == 0 {
		e.forget(key)
		return
	}
	e.set(key, list)
}
