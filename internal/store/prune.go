package store

import (
	"context"
	"database/sql"
	"time"
)

const (
	pruneLook  = 500  // operations looked at at once
	prunePiece = 2000 // rows removed in one transaction: writers wait for no more
)

// Prune removes what operations that ended before a time have left: events, steps, results, then the operation. Those that keep
// (may be nil) says yes to stay; it is given them without Request and Answer. It works in small transactions, and one that
// was interrupted is finished by the next. Statistics, node states and environments stay.
func (s *Store) Prune(ctx context.Context, before time.Time, keep func(Operation) bool) (removed int, err error) {
	var after Operation
	for {
		old, err := s.ended(ctx, before, after)
		if err != nil || len(old) == 0 {
			return removed, err
		}
		for _, o := range old {
			if keep != nil && keep(o) {
				continue
			}
			if err := s.forget(ctx, o.ID); err != nil {
				return removed, err
			}
			removed++
		}
		after = old[len(old)-1]
	}
}

// ended are the next operations that ended before a time, in the order of their ends.
func (s *Store) ended(ctx context.Context, before time.Time, after Operation) ([]Operation, error) {
	return list(ctx, s, func(r *sql.Rows) (Operation, error) { return scanOperation(r) },
		`SELECT `+operationColumns+` FROM operations WHERE until > 0 AND until < $1 AND (until, id) > ($2, $3) ORDER BY until, id LIMIT $4`,
		micros(before), micros(after.Until), after.ID, pruneLook)
}

// forget removes one operation, its facts first.
func (s *Store) forget(ctx context.Context, id string) error {
	for _, query := range []string{
		`DELETE FROM events WHERE operation = $1 AND seq IN (SELECT seq FROM events WHERE operation = $1 ORDER BY seq LIMIT $2)`,
		`DELETE FROM steps WHERE operation = $1 AND node IN (SELECT node FROM steps WHERE operation = $1 ORDER BY node LIMIT $2)`,
		`DELETE FROM results WHERE operation = $1 AND node IN (SELECT node FROM results WHERE operation = $1 ORDER BY node LIMIT $2)`,
		`DELETE FROM operations WHERE id = $1 AND $2 > 0`,
	} {
		for {
			var n int64
			err := s.change(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
				n, err = affected(tx.ExecContext(ctx, query, id, prunePiece))
				return err
			})
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
	}
	return nil
}

// PruneStatistics removes the counts of the days and months that were over before a time, one period in each transaction.
func (s *Store) PruneStatistics(ctx context.Context, before time.Time) error {
	for _, table := range []string{"step_counts", "node_counts", "cause_counts"} {
		for _, first := range periodsOf(before) {
			if err := s.pruneCounts(ctx, table, first); err != nil {
				return err
			}
		}
	}
	return nil
}

// pruneCounts removes the counts of one table and unit before a period.
func (s *Store) pruneCounts(ctx context.Context, table string, first period) error {
	for {
		var oldest sql.NullInt64
		err := s.read.QueryRowContext(ctx, `SELECT MIN(period) FROM `+table+` WHERE unit = $1 AND period < $2`, first.unit, first.number).Scan(&oldest)
		if err != nil || !oldest.Valid {
			return s.explain(err)
		}
		err = s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE unit = $1 AND period = $2`, first.unit, oldest.Int64)
			return err
		})
		if err != nil {
			return err
		}
	}
}
