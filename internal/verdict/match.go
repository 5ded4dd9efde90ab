package verdict

// match is the answer to "does it fit": no, that depends, yes. In that order, so that min is "and" and max is "or".
type match uint8

const (
	no match = iota
	maybe
	yes
)

func matchIf(fits bool) match {
	if fits {
		return yes
	}
	return no
}
