package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"
)

// Span is the nodes after one and up to another, in the order of the database; "" is open.
type Span struct{ After, To string }

// NodesOf are the first so many nodes of an operation after one that have a step or a result. In whatever order a database has
// texts, it is that of Steps and Results, too: the last of them is where the next page begins.
func (s *Store) NodesOf(ctx context.Context, id, after string, limit int) ([]string, error) {
	return list(ctx, s, func(r *sql.Rows) (node string, err error) { return node, r.Scan(&node) },
		`SELECT node FROM (
			SELECT node FROM (SELECT node FROM results WHERE operation = $1 AND node > $2 ORDER BY node LIMIT $3) AS ended UNION
			SELECT node FROM (SELECT DISTINCT node FROM steps WHERE operation = $1 AND node > $2 ORDER BY node LIMIT $3) AS tried
		) AS nodes ORDER BY node LIMIT $3`, name(id), name(after), max(limit, 0))
}

// Steps are those of an operation, by node and time.
func (s *Store) Steps(ctx context.Context, id string) ([]Step, error) {
	return s.StepsOf(ctx, id, Span{}, math.MaxInt32)
}

// StepsOf are the first so many of Steps of a span of nodes.
func (s *Store) StepsOf(ctx context.Context, id string, nodes Span, limit int) ([]Step, error) {
	rows, args := of(id, nodes, limit)
	return list(ctx, s, func(r *sql.Rows) (t Step, err error) {
		var at, took int64
		err = r.Scan(&t.Operation, &t.Node, &at, &t.Macro, &t.Instance, &t.Micro, &t.Try, &t.Cluster, &took, &t.Outcome, &t.Kind, &t.Cause)
		t.At, t.Took = timeOf(at), time.Duration(took)*time.Microsecond
		return t, err
	}, `SELECT operation, node, at, macro, instance, micro, try, cluster, took, outcome, kind, cause FROM steps`+
		rows("node, at, macro, instance, micro, try"), args...)
}

// Results are the ends of the nodes of an operation, by node.
func (s *Store) Results(ctx context.Context, id string) ([]Result, error) {
	return s.ResultsOf(ctx, id, Span{}, math.MaxInt32)
}

// ResultsOf are the first so many of Results of a span of nodes.
func (s *Store) ResultsOf(ctx context.Context, id string, nodes Span, limit int) ([]Result, error) {
	rows, args := of(id, nodes, limit)
	return list(ctx, s, func(r *sql.Rows) (t Result, err error) {
		var at int64
		err = r.Scan(&t.Operation, &t.Node, &t.Cluster, &t.Phase, &t.State, &t.Cause, &t.Tries, &at)
		t.At = timeOf(at)
		return t, err
	}, `SELECT operation, node, cluster, phase, state, cause, tries, at FROM results`+rows("node"), args...)
}

// of chooses the rows of a span, in an order.
func of(id string, nodes Span, limit int) (rows func(order string) string, args []any) {
	var c conditions
	c.add("operation = ?", name(id))
	if nodes.After != "" {
		c.add("node > ?", name(nodes.After))
	}
	if nodes.To != "" {
		c.add("node <= ?", name(nodes.To))
	}
	args = append(c.args, max(limit, 0))
	return func(order string) string { return fmt.Sprintf("%s ORDER BY %s LIMIT $%d", c.where(), order, len(args)) }, args
}
