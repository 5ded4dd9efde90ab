package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"
)

// What the store keeps at most, however many pods and nodes come and go.
const (
	maxEnded  = 100_000 // leases that have ended
	maxAgents = 10_000  // nodes of which an agent was heard
)

// Expiry says what is forgotten: what is older than each of these.
type Expiry struct {
	History time.Time // edges by their last sighting, as graph.Expire does, and resets
	Reports time.Time // runs of agents by their last batch, and nodes by when their agent was heard
	Leases  time.Time // by their end
	Names   time.Time // by the ends of their lives
	Agents  int       // nodes, those heard the longest ago beyond so many; 0 means maxAgents
	Ended   int       // leases that have ended, the earliest beyond so many; 0 means maxEnded
}

// Expire forgets what is over. Every row is judged by itself, so that it does not matter what others write meanwhile.
func (s *Store) Expire(ctx context.Context, e Expiry) error {
	err := s.within(ctx, nil, func(tx *sql.Tx) error {
		if _, err := s.tick(ctx, tx); err != nil {
			return err
		}
		for _, name := range mapTables() {
			if err := s.delete(ctx, tx, name+" WHERE last_seen < $1", moment(e.History)); err != nil {
				return err
			}
		}
		for _, over := range []struct {
			what string
			than int64
		}{
			{"resets WHERE happened < $1", moment(e.History)},
			{"reports WHERE seen < $1", moment(e.Reports)},
			{"agents WHERE seen < $1", moment(e.Reports)},
			{"agents WHERE seen <= (SELECT seen FROM agents ORDER BY seen DESC LIMIT 1 OFFSET $1)", int64(cmp.Or(e.Agents, maxAgents))},
			{"names WHERE ends < $1", moment(e.Names)},
			{"leases WHERE ended <> 0 AND ended < $1", moment(e.Leases)},
			{"leases WHERE ended <> 0 AND ended <= (SELECT ended FROM leases WHERE ended <> 0 ORDER BY ended DESC LIMIT 1 OFFSET $1)", int64(cmp.Or(e.Ended, maxEnded))},
		} {
			if err := s.delete(ctx, tx, over.what, over.than); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("expiring what the store has: %w", err)
	}
	return nil
}

func (s *Store) delete(ctx context.Context, tx *sql.Tx, what string, value int64) error {
	_, err := tx.ExecContext(ctx, s.dialect("DELETE FROM "+what), value)
	return err
}
