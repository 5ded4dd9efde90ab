package graph

// Restore merges an edge that a graph gave away before. Its counts are added. It returns Kept or the first bound that
// refused a part of it.
func (g *Graph) Restore(edge Edge) Bound { return g.rebuild(edge, restored) }

// Adopt merges an edge as a store has it. Its counts take the place of those that the store was known to have, and what no
// store has yet is added to them. It returns Kept or the first bound that refused a part of it.
func (g *Graph) Adopt(edge Edge) Bound { return g.rebuild(edge, adopted) }

func (g *Graph) rebuild(edge Edge, how manner) Bound {
	first := Kept
	for _, o := range edge.observations() {
		manner := how
		if len(edge.Spells) == 0 && how == restored {
			manner = remembered
		}
		if bound := g.take(&o, manner); bound != Kept && first == Kept {
			first = bound
		}
	}
	g.witness(edge, how)
	return first
}

// witness adds what observations of an edge do not hold: its spells, the further Services, and what it had no room for.
func (g *Graph) witness(edge Edge, how manner) {
	g.with(&pair{client: edge.Client, server: edge.Server}, func(e *entry) {
		for _, service := range edge.Services {
			e.called(service)
		}
		for _, s := range edge.Spells {
			e.saw(spell{nanoseconds(s.First), nanoseconds(s.Last)}, int64(g.limits.SpellGap))
		}
		if how == adopted {
			e.overflow = max(e.overflow, edge.Overflow)
		}
	})
}

// Settle says that a store has the counts of an edge now. The counts were merged before. Where counted is false the store
// had them from somebody else, so they are taken back, and the next Adopt brings those of the store.
func (g *Graph) Settle(edge Edge, counted bool) {
	g.with(&pair{client: edge.Client, server: edge.Server}, func(e *entry) {
		for _, seen := range edge.Uses {
			at, known := e.find(&seen.Use)
			if !known {
				continue
			}
			for _, v := range seen.Evidence {
				e.uses[at].settle(v, counted)
			}
		}
	})
}

func (u *use) settle(v Evidence, counted bool) {
	at, known := u.witness(v.Source)
	if !known {
		return
	}
	have := &u.evidence[at]
	moved := min(have.fresh, v.Count)
	have.fresh -= moved
	if counted {
		have.count = sum(have.count, moved)
	}
}

// Complete returns the edge with the spells that the graph knows of it, which are more than those of its own evidence.
func (g *Graph) Complete(edge Edge) Edge {
	edge.Spells = nil
	g.with(&pair{client: edge.Client, server: edge.Server}, func(e *entry) {
		for _, s := range e.spells() {
			edge.Spells = append(edge.Spells, Spell{First: instant(s.first), Last: instant(s.last)})
		}
	})
	return edge
}

// with calls do with an edge, locked, if it is there.
func (g *Graph) with(key *pair, do func(*entry)) {
	s, hash := g.place(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.find(hash, key); e != nil {
		do(e)
	}
}

// observations returns one observation for each piece of evidence.
func (e Edge) observations() []Observation {
	var all []Observation
	for _, seen := range e.Uses {
		for _, v := range seen.Evidence {
			all = append(all, Observation{
				Client: e.Client, Server: e.Server, Use: seen.Use, TargetPort: seen.TargetPort,
				HostNetwork: e.HostNetwork, Private: e.Private,
				Source: v.Source, First: v.First, Last: v.Last, Count: v.Count,
			})
		}
	}
	return all
}
