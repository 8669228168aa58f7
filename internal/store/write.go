package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/kadeploy/kadeploy/internal/store/fit"
)

// Write writes a batch in one transaction. When it returns nil, all of the batch is on the disk; when it returns an error,
// all or nothing of it is, and to write the same batch again is right: what is there stays as it is, and is not counted
// again. With SQLite some room on the disk is kept for the ends of what runs: a batch with which an operation begins fails
// earlier. Errors to ask for: ErrFull, ErrUnavailable, ErrUnknown.
func (s *Store) Write(ctx context.Context, b Batch) error {
	if err := b.check(); err != nil {
		return err
	}
	write := func(ctx context.Context, tx *sql.Tx) error {
		w := writing{ctx, tx, newCounts(), make(map[string]string)}
		return w.batch(b)
	}
	if b.begins() {
		if err := s.keepRoom(ctx); err != nil {
			return err
		}
	}
	return s.change(ctx, write)
}

// begins says whether an operation begins with the batch and does not end with it, too.
func (b Batch) begins() bool {
	return slices.ContainsFunc(b.Begin, func(o Operation) bool {
		return !slices.ContainsFunc(b.Ends, func(e End) bool { return e.Operation == o.ID })
	})
}

// writing is one transaction that writes a batch.
type writing struct {
	ctx context.Context
	tx  *sql.Tx
	counts
	kinds map[string]string // of operations, as far as they were asked for
}

func (w *writing) batch(b Batch) error {
	for _, part := range []func(Batch) error{w.begin, w.resumed, w.events, w.steps, w.results, w.nodes, w.disks, w.periods, w.ends} {
		if err := part(b); err != nil {
			return err
		}
	}
	return nil
}

func (w *writing) begin(b Batch) error {
	return each(w, b.Begin, `INSERT INTO operations
		(id, username, client_id, kind, environment, min_nodes, total, ok, ko, since, until, outcome, text, resumed, request, answer)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING`,
		func(o Operation) []any {
			return []any{o.ID, name(o.User), name(o.ClientID), name(o.Kind), name(o.Environment), o.MinNodes, o.Total, o.OK, o.KO,
				micros(o.Since), micros(o.Until), name(o.Outcome), text(o.Text), o.Resumed, blob(o.Request), blob(o.Answer)}
		}, nil)
}

func (w *writing) resumed(b Batch) error {
	return each(w, b.Resumed, `UPDATE operations SET resumed = CASE WHEN resumed < $1 THEN $1 ELSE resumed END WHERE id = $2`,
		func(r Resume) []any { return []any{r.Times, r.Operation} },
		func(r Resume, changed bool) error { return w.known(r.Operation, changed) })
}

func (w *writing) events(b Batch) error {
	return each(w, b.Events, `INSERT INTO events (operation, seq, at, fact) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		func(e Event) []any { return []any{e.Operation, int64(e.Seq), micros(e.Time), blob(e.Fact)} }, nil)
}

func (w *writing) steps(b Batch) error {
	return each(w, b.Steps, `INSERT INTO steps (operation, node, at, macro, instance, micro, try, cluster, took, outcome, kind, cause)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING`,
		func(t Step) []any {
			return []any{t.Operation, name(t.Node), micros(t.At), name(t.Macro), name(t.Instance), name(t.Micro), t.Try, name(t.Cluster),
				t.Took.Microseconds(), name(t.Outcome), name(t.Kind), text(t.Cause)}
		}, w.countStep)
}

func (w *writing) results(b Batch) error {
	return each(w, b.Results, `INSERT INTO results (operation, node, cluster, phase, state, cause, tries, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		func(r Result) []any {
			return []any{r.Operation, name(r.Node), name(r.Cluster), name(r.Phase), name(r.State), text(r.Cause), r.Tries, micros(r.At)}
		}, w.countResult)
}

func (w *writing) nodes(b Batch) error {
	return each(w, b.Nodes, `INSERT INTO node_states (node, state, operation, username, environment, image, confirmed, since)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (node) DO UPDATE SET state = excluded.state, operation = excluded.operation,
		username = excluded.username, environment = excluded.environment, image = excluded.image, confirmed = excluded.confirmed, since = excluded.since`,
		func(n NodeState) []any {
			confirmed := 0
			if n.Confirmed {
				confirmed = 1
			}
			return []any{name(n.Node), name(n.State), name(n.Operation), name(n.User), name(n.Environment), name(n.Image), confirmed, micros(n.Since)}
		}, nil)
}

func (w *writing) disks(b Batch) error {
	return each(w, b.Disks, `INSERT INTO node_disks (node, seen, disks) VALUES ($1, $2, $3)
		ON CONFLICT (node) DO UPDATE SET seen = excluded.seen, disks = excluded.disks WHERE node_disks.seen <= excluded.seen`,
		func(n NodeDisks) []any { return []any{name(n.Node), micros(n.Seen), blob(n.Disks)} }, nil)
}

func (w *writing) ends(b Batch) error {
	return each(w, b.Ends, `UPDATE operations SET outcome = $1, text = $2, ok = $3, ko = $4, until = $5,
		answer = CASE WHEN $6 = 1 THEN $7 ELSE answer END WHERE id = $8 AND until = 0`,
		func(e End) []any {
			given := 0
			if e.Answer != nil {
				given = 1
			}
			return []any{name(e.Outcome), text(e.Text), e.OK, e.KO, micros(e.Until), given, blob(e.Answer), e.Operation}
		},
		func(e End, changed bool) error { return w.known(e.Operation, changed) })
}

// known asks whether an operation that nothing was changed of is there at all.
func (w *writing) known(id string, changed bool) error {
	if changed {
		return nil
	}
	var n int
	if err := w.tx.QueryRowContext(w.ctx, `SELECT count(*) FROM operations WHERE id = $1`, id).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("operation %s %w", id, ErrUnknown)
	}
	return nil
}

// each runs one statement for every row, and tells of each row whether that changed anything.
func each[T any](w *writing, rows []T, query string, args func(T) []any, done func(row T, changed bool) error) error {
	if len(rows) == 0 {
		return nil
	}
	stmt, err := w.tx.PrepareContext(w.ctx, query)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for _, row := range rows {
		n, err := affected(stmt.ExecContext(w.ctx, args(row)...))
		if err == nil && done != nil {
			err = done(row, n > 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// check refuses what no database could keep, before it is tried: such a batch would fail for ever.
func (b Batch) check() error {
	for _, o := range b.Begin {
		if err := identity(o.ID, o.Request, o.Answer); err != nil {
			return err
		}
		if o.Since.IsZero() {
			return fmt.Errorf("operation %s: no time of its beginning", o.ID)
		}
	}
	for _, e := range b.Events {
		if err := identity(e.Operation, e.Fact); err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
	}
	for _, r := range b.Resumed {
		if err := identity(r.Operation); err != nil {
			return err
		}
	}
	for _, t := range b.Steps {
		if err := identity(t.Operation); err != nil {
			return err
		}
	}
	for _, r := range b.Results {
		if err := identity(r.Operation); err != nil {
			return err
		}
	}
	for _, n := range b.Disks {
		if len(n.Disks) > maxBlob {
			return fmt.Errorf("disks of %s: %d bytes, at most %d are kept", fit.Clip(n.Node, 40), len(n.Disks), maxBlob)
		}
	}
	for _, e := range b.Ends {
		if err := identity(e.Operation, e.Answer); err != nil {
			return err
		}
		if e.Until.IsZero() {
			return fmt.Errorf("operation %s: no time of its end", e.Operation)
		}
	}
	return nil
}

func identity(id string, blobs ...[]byte) error {
	if id == "" || id != name(id) {
		return fmt.Errorf("operation %q: expected an id of 1 to %d bytes", fit.Clip(id, 40), maxName)
	}
	for _, b := range blobs {
		if len(b) > maxBlob {
			return fmt.Errorf("operation %s: %d bytes of one fact, at most %d are kept", id, len(b), maxBlob)
		}
	}
	return nil
}

func affected(done sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}
