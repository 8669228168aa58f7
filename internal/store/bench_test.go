package store_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/kadeploy/kadeploy/internal/store"
)

// Sizes of the database of BenchmarkHistory: years of a busy site.
const (
	benchOperations = 100_000
	benchNodes      = 10 // of each; results are as many times as many
	benchSteps      = 1_000_000
	benchDays       = 365
	benchSite       = 1000 // nodes
)

// fill makes the rows in the database itself. The newest operation is D-1, a deployment of 20,000 nodes.
var fill = []string{
	`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %[1]d)
		INSERT INTO operations SELECT 'D-' || i, 'user-' || (i %% 50), 'c' || i, CASE WHEN i %% 5 = 0 THEN 'reboot' ELSE 'deploy' END, 'debian:12', 0, %[2]d,
		%[2]d - (i %% 100 = 0), i %% 100 = 0, %[6]d - i * 300000000, %[6]d - i * 300000000 + 200000000,
		CASE WHEN i %% 100 = 0 THEN 'PARTIAL' ELSE 'ALL_OK' END, '', 0, x'', x'' FROM n`,
	`INSERT INTO results SELECT id, 'node-' || ((rowid * 7 + k) %% %[5]d), 'blue', 'ok', '', '', 1, until FROM operations,
		(WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < %[2]d) SELECT k FROM n) WHERE id <> 'D-1'`,
	`WITH RECURSIVE n(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM n WHERE k < 19999)
		INSERT INTO results SELECT 'D-1', 'node-' || k, 'blue', 'ok', '', '', 1, %[6]d FROM n`,
	`INSERT INTO steps SELECT operation, node, at, 'BroadcastEnv', 'Chain', '', 1, 'blue', 90000000, 'ok', '', '' FROM results LIMIT %[3]d - 60000`,
	`INSERT INTO steps SELECT operation, node, at + k, 'SetDeploymentEnv', 'Untrusted', '', k, 'blue', 90000000, 'ok', '', '' FROM results,
		(SELECT 1 AS k UNION SELECT 2 UNION SELECT 3) WHERE operation = 'D-1'`,
	`WITH RECURSIVE d(day) AS (SELECT %[6]d / 86400000000 - %[4]d + 1 UNION ALL SELECT day + 1 FROM d WHERE day < %[6]d / 86400000000),
		n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %[5]d - 1) INSERT INTO node_day SELECT day, 'node-' || i, 'blue', 10, 1, 2 FROM d, n`,
	`WITH RECURSIVE d(day) AS (SELECT %[6]d / 86400000000 - %[4]d + 1 UNION ALL SELECT day + 1 FROM d WHERE day < %[6]d / 86400000000),
		n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 299)
		INSERT INTO step_day SELECT day, 'cluster-' || (i %% 10), 'macro-' || (i / 100), 'one', '', 'ok', 200 + i / 10 %% 10 , 100, 1000000 FROM d, n`,
	`WITH RECURSIVE d(day) AS (SELECT %[6]d / 86400000000 - %[4]d + 1 UNION ALL SELECT day + 1 FROM d WHERE day < %[6]d / 86400000000),
		n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
		INSERT INTO cause_day SELECT day, 'macro', 'micro', 'retry', 'cause ' || i, i, 'node-1' FROM d, n`,
}

// BenchmarkHistory asks a database of a million steps, a million results and a hundred thousand operations, whose counts are of
// a year and a thousand nodes, what people ask it.
func BenchmarkHistory(b *testing.B) {
	file := filepath.Join(b.TempDir(), "kadeploy.db")
	s, err := store.Open(ctx, store.Config{URL: "sqlite:" + file})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	generate(b, file, now)
	size, err := s.Size(ctx)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d MB", size>>20)
	since := now.AddDate(0, 0, -30)
	for _, ask := range []struct {
		what string
		rows int // at least: it is no empty answer that is quick
		do   func() (int, error)
	}{
		{"newest 50", 50, func() (int, error) { return counted(s.History(ctx, store.Query{Limit: 50})) }},
		{"newest 1000", 1000, func() (int, error) { return counted(s.History(ctx, store.Query{Limit: 1000})) }},
		{"user, 30 days", 50, func() (int, error) {
			return counted(s.History(ctx, store.Query{User: "user-7", Since: since, Limit: 50}))
		}},
		{"failed", 50, func() (int, error) {
			return counted(s.History(ctx, store.Query{Outcomes: []string{"FAILED", "PARTIAL"}, Limit: 50}))
		}},
		{"failed of a user", 50, func() (int, error) {
			return counted(s.History(ctx, store.Query{User: "user-0", Outcomes: []string{"FAILED", "PARTIAL"}, Limit: 50}))
		}},
		{"failed never", 0, func() (int, error) {
			return counted(s.History(ctx, store.Query{Outcomes: []string{"FAILED"}, Limit: 50}))
		}},
		{"node", 50, func() (int, error) { return counted(s.History(ctx, store.Query{Node: "node-500", Limit: 50})) }},
		{"kind, far back", 1, func() (int, error) { return counted(s.History(ctx, store.Query{Kind: "reboot", Before: "D-99000"})) }},
		{"page of an operation", 500, func() (int, error) { return page(s, "D-1", "node-1") }},
		{"step times, 30 days", 10, func() (int, error) { return counted(s.StepTimes(ctx, since, time.Time{})) }},
		{"step times, a year", 10, func() (int, error) { return counted(s.StepTimes(ctx, time.Time{}, time.Time{})) }},
		{"node rates, 30 days", benchSite, func() (int, error) { return counted(s.NodeRates(ctx, since, time.Time{})) }},
		{"node rates, a year", benchSite, func() (int, error) { return counted(s.NodeRates(ctx, time.Time{}, time.Time{})) }},
		{"causes, a year", 100, func() (int, error) { return counted(s.Causes(ctx, time.Time{}, time.Time{})) }},
	} {
		b.Run(ask.what, func(b *testing.B) {
			for b.Loop() {
				if n, err := ask.do(); err != nil || n < ask.rows {
					b.Fatalf("%d rows, %v", n, err)
				}
			}
		})
	}
}

func generate(b *testing.B, file string, now time.Time) {
	b.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, query := range append([]string{"PRAGMA synchronous = OFF"}, fill...) {
		if _, err := db.Exec(fmt.Sprintf(query+" -- %[1]d %[2]d %[3]d %[4]d %[5]d %[6]d", benchOperations, benchNodes, benchSteps, benchDays, benchSite, now.UnixMicro())); err != nil {
			b.Fatalf("%s: %v", query, err)
		}
	}
	var steps int
	if err := db.QueryRow("SELECT COUNT(*) FROM steps").Scan(&steps); err != nil || steps < benchSteps {
		b.Fatalf("%d steps, %v", steps, err)
	}
}

func counted[T any](rows []T, err error) (int, error) { return len(rows), err }

// page is what one answer to kadeploy show reads.
func page(s *store.Store, id, after string) (int, error) {
	nodes, err := s.NodesOf(ctx, id, after, 500)
	if err != nil {
		return 0, err
	}
	span := store.Span{After: after, To: nodes[len(nodes)-1]}
	if _, err := s.StepsOf(ctx, id, span, 2000); err != nil {
		return 0, err
	}
	return counted(s.ResultsOf(ctx, id, span, 500))
}
