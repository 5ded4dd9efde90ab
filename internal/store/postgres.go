package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	connectLimit = 5 * time.Second // for one attempt to connect
	idleLimit    = 5 * time.Minute // a connection that is not used is given back
	connections  = 4
)

// openPostgres connects to a database that other replicas may use too.
func openPostgres(ctx context.Context, conn *pgx.ConnConfig) (*Store, error) {
	conn = conn.Copy()
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectLimit
	}
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "portolan"
	}
	db := stdlib.OpenDB(*conn)
	db.SetMaxOpenConns(connections)
	db.SetConnMaxIdleTime(idleLimit)
	s := &Store{db: db, kind: Postgres}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}
