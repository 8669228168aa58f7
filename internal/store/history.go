package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/store/fit"
)

// Query chooses operations. What is zero chooses nothing out.
type Query struct {
	User, Kind   string
	Outcomes     []string  // ended with one of these
	Node         string    // operations in which this node has a result, and those of Underway
	Underway     []string  // ids: operations without an end that Node is in; they have no results yet
	Since, Until time.Time // begun at Since or later, and before Until
	Before       string    // id of an operation: only those after it in the list, to page on
	Limit        int       // 100 when 0; at most 1000
}

const (
	usualHistory = 100
	maxHistory   = 1000
)

// History lists operations, the newest first, without Request and Answer. It fails with ErrUnknown when that of Before is gone.
func (s *Store) History(ctx context.Context, q Query) ([]Operation, error) {
	var c conditions
	if q.Node != "" {
		c.with(q.Node, q.Underway)
	}
	for column, value := range map[string]string{"username": q.User, "kind": q.Kind} {
		if value != "" {
			c.add("operations."+column+" = ?", name(value))
		}
	}
	if len(q.Outcomes) > 0 {
		c.in("operations.outcome", q.Outcomes)
	}
	if !q.Since.IsZero() {
		c.add("operations.since >= ?", micros(q.Since))
	}
	if !q.Until.IsZero() {
		c.add("operations.since < ?", micros(q.Until))
	}
	if q.Before != "" {
		since, err := s.begun(ctx, q.Before)
		if err != nil {
			return nil, err
		}
		c.add("(operations.since, operations.id) < (?, ?)", since, name(q.Before))
	}
	limit := min(cmp.Or(max(q.Limit, 0), usualHistory), maxHistory)
	query := "SELECT " + operationColumns + " FROM operations" + c.where() +
		fmt.Sprintf(" ORDER BY operations.since DESC, operations.id DESC LIMIT %d", limit)
	return list(ctx, s, func(r *sql.Rows) (Operation, error) { return scanOperation(r) }, query, c.args...)
}

// begun is when an operation began, as it is kept.
func (s *Store) begun(ctx context.Context, id string) (since int64, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT since FROM operations WHERE id = $1", name(id)).Scan(&since)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("operation %s %w", fit.Clip(id, 40), ErrUnknown)
	}
	return since, s.explain(err)
}

// conditions are the parts of a WHERE, with their arguments in order.
type conditions struct {
	parts []string
	args  []any
}

// add adds one that has a ? for each argument.
func (c *conditions) add(part string, args ...any) {
	for _, arg := range args {
		c.args = append(c.args, arg)
		part = strings.Replace(part, "?", fmt.Sprintf("$%d", len(c.args)), 1)
	}
	c.parts = append(c.parts, part)
}

// in adds that a column is one of some values.
func (c *conditions) in(column string, values []string) {
	c.parts = append(c.parts, column+" IN ("+c.marks(values)+")")
}

// with adds that a node is in the operation.
func (c *conditions) with(node string, underway []string) {
	ended := "SELECT operation FROM results WHERE node = " + c.marks([]string{node})
	if len(underway) > 0 {
		ended += " UNION ALL SELECT id FROM operations WHERE until = 0 AND id IN (" + c.marks(underway) + ")"
	}
	c.parts = append(c.parts, "operations.id IN ("+ended+")")
}

// marks takes values as arguments and returns their marks.
func (c *conditions) marks(values []string) string {
	marks := make([]string, len(values))
	for i, v := range values {
		c.args = append(c.args, name(v))
		marks[i] = fmt.Sprintf("$%d", len(c.args))
	}
	return strings.Join(marks, ", ")
}

// where holds when all do, and when there are none.
func (c *conditions) where() string {
	if len(c.parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.parts, " AND ")
}

// either holds when one does; never when there are none.
func (c *conditions) either() string {
	if len(c.parts) == 0 {
		return " WHERE 1 = 0"
	}
	return " WHERE " + strings.Join(c.parts, " OR ")
}
