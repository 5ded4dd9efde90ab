package svg

// arc is a link as the layout sees it: it always goes to the right.
type arc struct {
	left, right int  // boxes; the column of left is the smaller one
	back        bool // the call goes from right to left
}

// arcs turns the links so that all of them go forward in the sequence.
func arcs(c chart, sequence []int) []arc {
	at := make([]int, len(sequence))
	for i, box := range sequence {
		at[box] = i
	}
	all := make([]arc, len(c.links))
	for i, l := range c.links {
		all[i] = arc{left: l.from, right: l.to}
		if at[l.from] > at[l.to] {
			all[i] = arc{left: l.to, right: l.from, back: true}
		}
	}
	return all
}

// layering finds a column for every box.
type layering struct {
	chart    chart
	sequence []int
	column   []int
	next     [][]int // boxes right of a box inside the cluster, likewise inside
	prev     [][]int
}

// layers returns the column of each box, from 0: to the right of whoever is left of it on an arc, near to its
// neighbours, and peers outside the cluster at the two ends.
func layers(c chart, sequence []int, all []arc) []int {
	n := len(c.boxes)
	l := layering{chart: c, sequence: sequence, column: make([]int, n), next: make([][]int, n), prev: make([][]int, n)}
	for _, a := range all {
		if c.boxes[a.left].space != outside && c.boxes[a.right].space != outside {
			l.next[a.left] = append(l.next[a.left], a.right)
			l.prev[a.right] = append(l.prev[a.right], a.left)
		}
	}
	for _, i := range sequence {
		for _, to := range l.next[i] {
			l.column[to] = max(l.column[to], l.column[i]+1)
		}
	}
	l.tighten()
	l.seatLoners(all)
	l.spread()
	l.seatOutside(all)
	l.startAtZero()
	return l.column
}

// maxTightenings bounds the passes of tighten; most charts need two or three.
const maxTightenings = 12

// tighten moves boxes towards the side where they have more neighbours, as far as these allow.
func (l *layering) tighten() {
	for range maxTightenings {
		moved := false
		for k := range l.sequence {
			// From both ends of the sequence in turn, so that whole paths move together.
			moved = l.pull(l.sequence[len(l.sequence)-1-k]) || moved
		}
		for _, i := range l.sequence {
			moved = l.pull(i) || moved
		}
		if !moved {
			return
		}
	}
}

func (l *layering) pull(i int) bool {
	to := l.column[i]
	switch {
	case len(l.next[i]) > len(l.prev[i]):
		to = l.rightmost(i)
	case len(l.next[i]) < len(l.prev[i]):
		to = l.leftmost(i)
	}
	moved := to != l.column[i]
	l.column[i] = to
	return moved
}

// rightmost is the last column left of everything that is right of box i, which has a neighbour there.
func (l *layering) rightmost(i int) int {
	column := l.column[l.next[i][0]] - 1
	for _, to := range l.next[i] {
		column = min(column, l.column[to]-1)
	}
	return column
}

func (l *layering) leftmost(i int) int {
	column := 0
	for _, from := range l.prev[i] {
		column = max(column, l.column[from]+1)
	}
	return column
}

// spread makes columns shorter that are much taller than the picture should be: boxes that have neighbours on one side
// only give way to the other side.
func (l *layering) spread() {
	var inside []int
	for i := range l.chart.boxes {
		if l.chart.boxes[i].space != outside {
			inside = append(inside, i)
		}
	}
	l.giveWay(inside, -1, func(i int) bool { return len(l.prev[i]) == 0 })
	l.giveWay(inside, +1, func(i int) bool { return len(l.next[i]) == 0 && len(l.prev[i]) > 0 })
}

// giveWay moves those boxes that may on by one step from every column with too many, column after column in that
// direction.
func (l *layering) giveWay(boxes []int, step int, may func(int) bool) {
	members, column := make(map[int][]int), 0
	for n, i := range boxes {
		members[l.column[i]] = append(members[l.column[i]], i)
		if n == 0 || (l.column[i]-column)*step < 0 {
			column = l.column[i] // the first in the direction
		}
	}
	limit := l.tallest()
	for unseen := len(boxes); unseen > 0; column += step {
		here := members[column]
		unseen -= len(here)
		over := len(here) - limit
		for _, i := range here {
			if over > 0 && may(i) {
				l.column[i] += step
				members[l.column[i]] = append(members[l.column[i]], i)
				unseen++
				over--
			}
		}
	}
}

// tallest is how many boxes a column should have at most, so that the picture is not much higher than wide.
func (l *layering) tallest() int {
	limit := 10
	for limit*limit < 2*len(l.chart.boxes) {
		limit++
	}
	return limit
}

// seatLoners puts boxes that have to do with the outside alone at that end of their namespace.
func (l *layering) seatLoners(all []arc) {
	calls := make([]bool, len(l.column))
	for _, a := range all {
		if l.chart.boxes[a.right].space == outside {
			calls[a.left] = true
		}
	}
	last := make([]int, len(l.chart.spaces))
	for i := range l.chart.boxes {
		if space := l.chart.boxes[i].space; space != outside {
			last[space] = max(last[space], l.column[i])
		}
	}
	for i := range l.chart.boxes {
		if space := l.chart.boxes[i].space; space != outside && calls[i] && len(l.next[i]) == 0 && len(l.prev[i]) == 0 {
			l.column[i] = last[space]
		}
	}
}

// seatOutside puts callers from outside left of everything, and whom the cluster calls outside right of everything.
func (l *layering) seatOutside(all []arc) {
	first, last := 0, 0
	for i, column := range l.column {
		if l.chart.boxes[i].space != outside {
			first, last = min(first, column), max(last, column)
		}
	}
	called := make([]bool, len(l.column))
	for _, a := range all {
		called[a.right] = true
	}
	var callers, servers []int
	for i := range l.chart.boxes {
		switch {
		case l.chart.boxes[i].space != outside:
		case called[i]:
			l.column[i] = last + 1
			servers = append(servers, i)
		default:
			l.column[i] = first - 1
			callers = append(callers, i)
		}
	}
	l.giveWay(callers, -1, func(int) bool { return true })
	l.giveWay(servers, +1, func(int) bool { return true })
	l.orderOutside(all)
}

// orderOutside moves peers outside that call each other apart. The operator keeps no such edges, but a file may hold some.
func (l *layering) orderOutside(all []arc) {
	right := make([][]int, len(l.column))
	for _, a := range all {
		if l.chart.boxes[a.left].space == outside && l.chart.boxes[a.right].space == outside {
			right[a.left] = append(right[a.left], a.right)
		}
	}
	for _, i := range l.sequence {
		for _, to := range right[i] {
			l.column[to] = max(l.column[to], l.column[i]+1)
		}
	}
}

func (l *layering) startAtZero() {
	if len(l.column) == 0 {
		return
	}
	first := l.column[0]
	for _, column := range l.column {
		first = min(first, column)
	}
	for i := range l.column {
		l.column[i] -= first
	}
}
