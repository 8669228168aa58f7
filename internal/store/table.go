package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// table is how the rows of a table are read and written that holds all of something and nothing else.
type table[R comparable] struct {
	read   string // all rows
	scan   func(*sql.Rows) (R, error)
	key    func(R) R     // a row with its key alone
	values func(R) []any // of the columns, those of the key first
	keys   int           // columns of the key
	write  string        // rows, whose values stand for %s, in the place of those with the same keys
	remove string        // the rows whose keys stand for %s
}

// keep makes the table hold these rows and no others. What is there already stays untouched. room is why nothing may be added; nil: it may.
func (t table[R]) keep(ctx context.Context, tx *sql.Tx, rows []R, room error) error {
	missing, gone, err := t.differences(ctx, tx, rows)
	if err == nil && len(missing) > 0 {
		err = room
	}
	if err == nil {
		err = inChunks(ctx, tx, t.remove, gone, func(r R) []any { return t.values(r)[:t.keys] })
	}
	if err == nil {
		err = inChunks(ctx, tx, t.write, missing, t.values)
	}
	return err
}

// differences are the rows that the table has not got as they are here, and those of the table that are not here.
func (t table[R]) differences(ctx context.Context, tx *sql.Tx, rows []R) (missing, gone []R, err error) {
	wanted := make(map[R]R, len(rows)) // by key
	for _, r := range rows {
		wanted[t.key(r)] = r
	}
	found, err := tx.QueryContext(ctx, t.read)
	if err != nil {
		return nil, nil, err
	}
	defer found.Close()
	for found.Next() {
		have, err := t.scan(found)
		if err != nil {
			return nil, nil, err
		}
		key := t.key(have)
		want, is := wanted[key]
		switch {
		case !is:
			gone = append(gone, have)
		case want == have:
			delete(wanted, key)
		}
	}
	for _, r := range rows { // in their order
		if _, is := wanted[t.key(r)]; is {
			missing = append(missing, r)
		}
	}
	return missing, gone, found.Err()
}

// rowsAtOnce bounds the rows of one statement. More would spare little: the driver of SQLite looks for each value among all of them.
const rowsAtOnce = 32

// inChunks runs a statement, in which the values of rows stand for %s, for all rows: a database that is far away is asked as seldom as can be.
func inChunks[R any](ctx context.Context, tx *sql.Tx, statement string, rows []R, values func(R) []any) error {
	for chunk := range slices.Chunk(rows, rowsAtOnce) {
		var all []any
		for _, r := range chunk {
			all = append(all, values(r)...)
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(statement, tuples(len(chunk), len(all)/len(chunk))), all...); err != nil {
			return err
		}
	}
	return nil
}

// tuples is ($1, $2), ($3, $4) for two rows of two values.
func tuples(rows, width int) string {
	var text strings.Builder
	for i := range rows * width {
		switch {
		case i == 0:
			text.WriteString("(")
		case i%width == 0:
			text.WriteString("), (")
		default:
			text.WriteString(", ")
		}
		fmt.Fprintf(&text, "$%d", i+1)
	}
	return text.String() + ")"
}
