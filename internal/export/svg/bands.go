package svg

import (
	"cmp"
	"slices"
)

// band is the part of the picture's height that a frame has while the order within columns is sought. Bands do not
// overlap, so every column shows the frames in the same order and each frame can be a rectangle.
type band struct{ top, bottom unit }

// maxRanked bounds the number of namespaces whose order is sought by trying every move.
const maxRanked = 32

// rankSpaces returns the namespaces from top to bottom, so that those who talk a lot stand near each other.
func rankSpaces(g *grid) []int {
	rank := make([]int, len(g.spans))
	for i := range rank {
		rank[i] = i
	}
	talk := talks(g)
	if len(rank) <= maxRanked {
		return tryMoves(rank, talk)
	}
	return byNeighbours(rank, talk)
}

// talk counts the links between two namespaces.
type talk struct{ a, b, links int }

func talks(g *grid) []talk {
	counts := make(map[[2]int]int)
	for _, a := range g.arcs {
		left, right := g.items[a.left].space, g.items[a.right].space
		if left != right && left != outside && right != outside {
			counts[[2]int{min(left, right), max(left, right)}]++
		}
	}
	all := make([]talk, 0, len(counts))
	for pair, links := range counts {
		all = append(all, talk{pair[0], pair[1], links})
	}
	slices.SortFunc(all, func(x, y talk) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) })
	return all
}

// tryMoves takes each namespace to its best place until no move helps.
func tryMoves(rank []int, all []talk) []int {
	best := stretch(rank, all)
	for improved := true; improved; {
		improved = false
		for space := range len(rank) {
			for to := range rank {
				moved := slices.DeleteFunc(slices.Clone(rank), func(s int) bool { return s == space })
				moved = slices.Insert(moved, to, space)
				if cost := stretch(moved, all); cost < best {
					rank, best, improved = moved, cost, true
				}
			}
		}
	}
	return rank
}

// stretch is the length of all talk in namespaces.
func stretch(rank []int, all []talk) int {
	at := make([]int, len(rank))
	for i, space := range rank {
		at[space] = i
	}
	total := 0
	for _, t := range all {
		total += t.links * max(at[t.a]-at[t.b], at[t.b]-at[t.a])
	}
	return total
}

// byNeighbours sorts the namespaces some times by the mean place of those they talk to.
func byNeighbours(rank []int, all []talk) []int {
	const passes = 16
	for range passes {
		at, sum, links := make([]int, len(rank)), make([]int, len(rank)), make([]int, len(rank))
		for i, space := range rank {
			at[space] = i
		}
		for _, t := range all {
			sum[t.a] += t.links * at[t.b]
			sum[t.b] += t.links * at[t.a]
			links[t.a] += t.links
			links[t.b] += t.links
		}
		slices.SortStableFunc(rank, func(a, b int) int {
			return cmp.Compare((at[a]+sum[a])*(1+links[b]), (at[b]+sum[b])*(1+links[a]))
		})
	}
	return rank
}

// measureBands stacks the bands by rank, each as high as its fullest column.
func measureBands(g *grid, rank []int) []band {
	height := make([]unit, len(rank))
	for _, column := range g.columns {
		filled := make(map[int]unit)
		for _, i := range column {
			if it := g.items[i]; it.space != outside {
				filled[it.space] += it.above + it.below
				height[it.space] = max(height[it.space], filled[it.space])
			}
		}
	}
	bands := make([]band, len(rank))
	top := unit(0)
	for _, space := range rank {
		bands[space] = band{top, top + height[space] + frameTop + frameBottom}
		top = bands[space].bottom + frameAir
	}
	return bands
}
