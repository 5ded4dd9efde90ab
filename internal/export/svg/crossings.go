package svg

import "slices"

// cost counts the crossings and the climb of the present order.
func (o *ordering) cost() cost {
	var total cost
	for c := range o.g.columns {
		total.crossings += o.crossings(c)
		for _, i := range o.g.columns[c] {
			for _, to := range o.g.right[i] {
				total.climb += max(o.height[i]-o.height[to], o.height[to]-o.height[i])
			}
		}
	}
	return total
}

// crossings counts how often links between column c and the next one cross: the inversions of where they end, in the
// order of where they begin. Source: Barth, Jünger and Mutzel, Simple and efficient bilayer cross counting, 2002.
func (o *ordering) crossings(c int) int {
	if c+1 == len(o.g.columns) {
		return 0
	}
	size := len(o.g.columns[c+1])
	tree := make([]int, size+1) // how many ended at or before a place, as a tree of sums
	total, ended := 0, 0
	for _, i := range o.g.columns[c] {
		o.ends[0] = o.places(o.ends[0], o.g.right[i], c+1)
		ends := o.ends[0]
		for _, end := range ends {
			total += ended - sumUpTo(tree, end)
		}
		for _, end := range ends {
			for at := end + 1; at <= size; at += at & -at {
				tree[at]++
			}
			ended++
		}
	}
	return total
}

func sumUpTo(tree []int, end int) int {
	sum := 0
	for at := end + 1; at > 0; at -= at & -at {
		sum += tree[at]
	}
	return sum
}

// places puts the sorted places of those items that stand in column c into a list that it may use.
func (o *ordering) places(list, items []int, c int) []int {
	list = list[:0]
	for _, i := range items {
		if o.g.items[i].column == c {
			list = append(list, o.place[i])
		}
	}
	slices.Sort(list)
	return list
}

// swap exchanges neighbours in a column as long as that removes crossings.
func (o *ordering) swap() {
	for range maxSwapPasses {
		improved := false
		for c := range o.g.columns {
			improved = o.swapIn(c) || improved
		}
		if !improved {
			return
		}
	}
}

func (o *ordering) swapIn(c int) bool {
	column := o.g.columns[c]
	improved := false
	for k := 1; k < len(column); k++ {
		upper, lower := column[k-1], column[k]
		if o.g.items[upper].space != o.g.items[lower].space {
			continue
		}
		if o.gain(c, upper, lower) > 0 {
			column[k-1], column[k] = lower, upper
			o.place[lower], o.place[upper] = k-1, k
			o.height[lower], o.height[upper] = o.height[upper], o.height[lower]
			improved = true
		}
	}
	if improved {
		o.stack(c)
	}
	return improved
}

// gain is how many crossings fewer there are when two neighbours change places.
func (o *ordering) gain(c, upper, lower int) int {
	e := &o.ends
	e[0], e[1] = o.places(e[0], o.g.left[upper], c-1), o.places(e[1], o.g.left[lower], c-1)
	e[2], e[3] = o.places(e[2], o.g.right[upper], c+1), o.places(e[3], o.g.right[lower], c+1)
	return inversions(e[0], e[1]) + inversions(e[2], e[3]) - inversions(e[1], e[0]) - inversions(e[3], e[2])
}

// inversions counts the pairs of which the one of upper is greater. Both are sorted.
func inversions(upper, lower []int) int {
	total, k := 0, 0
	for _, at := range upper {
		for k < len(lower) && lower[k] < at {
			k++
		}
		total += k
	}
	return total
}
