package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/kadeploy/kadeploy/internal/store/fit"
)

const (
	operationColumns = `id, username, client_id, kind, environment, min_nodes, total, ok, ko, since, until, outcome, text, resumed`
	maxEvents        = 10_000
)

// Unended are the operations without an end, oldest first, whole.
func (s *Store) Unended(ctx context.Context) ([]Operation, error) {
	return list(ctx, s, scanWhole, `SELECT `+operationColumns+`, request, answer FROM operations WHERE until = 0 ORDER BY since, id`)
}

// Operation is one operation, whole; ErrUnknown when there is none of that id.
func (s *Store) Operation(ctx context.Context, id string) (Operation, error) {
	found, err := list(ctx, s, scanWhole, `SELECT `+operationColumns+`, request, answer FROM operations WHERE id = $1`, name(id))
	if err != nil {
		return Operation{}, err
	}
	if len(found) == 0 {
		return Operation{}, fmt.Errorf("operation %s %w", fit.Clip(id, 40), ErrUnknown)
	}
	return found[0], nil
}

// Events are those of an operation from a number on, in order, at most so many and never more than 10,000: ask again from
// the number after the last.
func (s *Store) Events(ctx context.Context, id string, from uint64, limit int) ([]Event, error) {
	if from > math.MaxInt64 {
		return nil, nil
	}
	return list(ctx, s, func(r *sql.Rows) (e Event, err error) {
		var at int64
		err = r.Scan(&e.Operation, &e.Seq, &at, &e.Fact)
		e.Time, e.Fact = timeOf(at), bytesOrNil(e.Fact)
		return e, err
	}, `SELECT operation, seq, at, fact FROM events WHERE operation = $1 AND seq >= $2 ORDER BY seq LIMIT $3`,
		name(id), int64(from), min(max(limit, 0), maxEvents))
}

// Nodes are the states of all nodes that have one, by name.
func (s *Store) Nodes(ctx context.Context) ([]NodeState, error) {
	return list(ctx, s, func(r *sql.Rows) (n NodeState, err error) {
		var since, confirmed int64
		err = r.Scan(&n.Node, &n.State, &n.Operation, &n.User, &n.Environment, &n.Image, &confirmed, &since)
		n.Since, n.Confirmed = timeOf(since), confirmed != 0
		return n, err
	}, `SELECT node, state, operation, username, environment, image, confirmed, since FROM node_states ORDER BY node`)
}

// Disks are those of all nodes that have been looked at, by name.
func (s *Store) Disks(ctx context.Context) ([]NodeDisks, error) {
	return list(ctx, s, func(r *sql.Rows) (n NodeDisks, err error) {
		var seen int64
		err = r.Scan(&n.Node, &seen, &n.Disks)
		n.Seen, n.Disks = timeOf(seen), bytesOrNil(n.Disks)
		return n, err
	}, `SELECT node, seen, disks FROM node_disks ORDER BY node`)
}

func scanWhole(r *sql.Rows) (Operation, error) {
	var request, answer []byte
	o, err := scanOperation(r, &request, &answer)
	o.Request, o.Answer = bytesOrNil(request), bytesOrNil(answer)
	return o, err
}

func scanOperation(r *sql.Rows, more ...any) (o Operation, err error) {
	var since, until int64
	err = r.Scan(append([]any{&o.ID, &o.User, &o.ClientID, &o.Kind, &o.Environment, &o.MinNodes, &o.Total, &o.OK, &o.KO,
		&since, &until, &o.Outcome, &o.Text, &o.Resumed}, more...)...)
	o.Since, o.Until = timeOf(since), timeOf(until)
	if o.Resumed < 0 { // marked by Restore
		o.Restored, o.Resumed = true, -1-o.Resumed
	}
	return o, err
}

// list is all rows of a query.
func list[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.explain(err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, s.explain(err)
		}
		all = append(all, one)
	}
	return all, s.explain(rows.Err())
}
