package frame

import (
	"testing"

	"pgregory.net/rapid"
)

// Copies holds the latest packets and nothing else, whatever the order of keys.
func TestCopiesLawOfRecency(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 8).Draw(t, "size")
		c := NewCopies[string, int](size)
		var history []string
		for n := range rapid.IntRange(0, 50).Draw(t, "packets") {
			k := rapid.StringMatching("[a-f]").Draw(t, "key")
			c.Add(k, n)
			history = append(history, k)
			for _, k := range []string{"a", "b", "c", "d", "e", "f"} {
				want := latest(history, size, k)
				got := -1
				if v := c.Find(k); v != nil {
					got = *v
				}
				if got != want {
					t.Fatalf("after %v with size %d: Find(%s) = %d, want %d", history, size, k, got, want)
				}
			}
		}
		if got := c.Added(); got != uint64(len(history)) {
			t.Fatalf("Added() = %d, want %d", got, len(history))
		}
		for n := max(0, len(history)-size); n < len(history); n++ {
			if k, v := c.At(uint64(n)); *k != history[n] || *v != n {
				t.Fatalf("At(%d) = %s, %d, want %s, %d", n, *k, *v, history[n], n)
			}
		}
	})
}

// latest returns the number of the last packet with the key among the last size ones, or -1.
func latest(history []string, size int, key string) int {
	for n := len(history) - 1; n >= max(0, len(history)-size); n-- {
		if history[n] == key {
			return n
		}
	}
	return -1
}

func TestCopiesAllocateNothing(t *testing.T) {
	c := NewCopies[int, int](64)
	n := 0
	if got := testing.AllocsPerRun(1000, func() {
		c.Add(n, n)
		c.Find(n)
		n++
	}); got != 0 {
		t.Errorf("%v allocations, want none", got)
	}
}
