package store_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/internal/store/pgtest"
)

// series counts n from 0 to below $1; both databases know it.
const series = `WITH RECURSIVE series(n) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM series WHERE n + 1 < $1) `

// million fills a store with a million operations in a year, a result of each, and a million counts of steps.
var million = []string{
	`INSERT INTO operations (id, username, client_id, kind, environment, min_nodes, total, ok, ko, since, until, outcome, text, resumed, request, answer) ` +
		series + `SELECT 'D-' || n, 'user' || (n % 200), '', CASE WHEN n % 10 = 0 THEN 'reboot' ELSE 'deploy' END, 'debian:12', 0, 1, 1, 0,
		1700000000000000 + n * 30000000, 1700000000000000 + n * 30000000 + 1, CASE WHEN n % 100000 = 7 THEN 'failed' ELSE 'all_ok' END, '', 0, '', '' FROM series`,
	`INSERT INTO results (operation, node, cluster, phase, state, cause, tries, at) ` +
		series + `SELECT 'D-' || n, 'node-' || (n % 1000), 'c', 'ok', '', '', 1, 1700000000000000 + n * 30000000 FROM series`,
	`INSERT INTO step_counts (unit, period, op_kind, cluster, macro, instance, micro, outcome, bucket, steps, longest) ` +
		series + `SELECT 'day', 19675 + n / 2700, 'deploy', 'cluster-' || (n / 540 % 5), 'macro-' || (n / 180 % 3), 'instance', 'micro-' || (n / 20 % 9), 'ok', n % 20 + n / 2700 % 10, 7, 1000000 FROM series`,
	`INSERT INTO step_counts (unit, period, op_kind, cluster, macro, instance, micro, outcome, bucket, steps, longest)
		SELECT 'month', 24286 + (period - 19663) / 30, op_kind, cluster, macro, instance, micro, outcome, bucket, SUM(steps), MAX(longest)
		FROM step_counts WHERE $1 > 0 AND unit = 'day' GROUP BY 2, op_kind, cluster, macro, instance, micro, outcome, bucket`,
}

// crowd is what happened on 20,000 nodes of one operation, and a year of counts of 1,000 nodes and 200 causes.
var crowd = []string{
	`INSERT INTO steps (operation, node, at, macro, instance, micro, try, cluster, took, outcome, kind, cause) ` +
		series + `SELECT 'D-500000', 'host-' || (n / 3), 1715000000000000 + n, 'macro-' || (n % 3), 'instance', '', 1, 'c', 1000000, 'ok', '', '' FROM series`,
	`INSERT INTO results (operation, node, cluster, phase, state, cause, tries, at) ` +
		series + `SELECT 'D-500000', 'host-' || (n / 3), 'c', 'ok', '', '', 1, 1715000000000000 FROM series WHERE n % 3 = 0`,
	`INSERT INTO node_counts (unit, period, op_kind, node, cluster, ok, ko, retries) ` +
		series + `SELECT 'day', 19675 + n / 2000, CASE WHEN n % 2 = 0 THEN 'deploy' ELSE 'reboot' END, 'node-' || (n % 2000 / 2), 'cluster-' || (n % 2000 / 2 % 5), 3, 1, 1 FROM series`,
	`INSERT INTO node_counts (unit, period, op_kind, node, cluster, ok, ko, retries)
		SELECT 'month', 24286 + (period - 19663) / 30, op_kind, node, cluster, SUM(ok), SUM(ko), SUM(retries)
		FROM node_counts WHERE $1 > 0 AND unit = 'day' GROUP BY 2, op_kind, node, cluster`,
	`INSERT INTO cause_counts (unit, period, op_kind, macro, micro, kind, cause, steps, example) ` +
		series + `SELECT 'day', 19675 + n / 200, 'deploy', 'macro-' || (n % 3), 'micro-' || (n % 9), 'retry', 'NODE: N.N.N.N does not answer after Ns, as cause ' || (n % 200), 3, 'node-7' FROM series`,
	`INSERT INTO cause_counts (unit, period, op_kind, macro, micro, kind, cause, steps, example)
		SELECT 'month', 24286 + (period - 19663) / 30, op_kind, macro, micro, kind, cause, SUM(steps), MAX(example)
		FROM cause_counts WHERE $1 > 0 AND unit = 'day' GROUP BY 2, op_kind, macro, micro, kind, cause`,
}

// rows of each statement of crowd: 365 days of the counts.
var crowdRows = []int{60_000, 60_000, 730_000, 1, 73_000, 1}

// fillMillion makes it once for all benchmarks of one database.
func fillMillion(b *testing.B, s *store.Store) {
	b.Helper()
	for _, query := range million {
		if err := s.Exec(ctx, query, 1_000_000); err != nil {
			b.Fatal(err)
		}
	}
	for i, query := range crowd {
		if err := s.Exec(ctx, query, crowdRows[i]); err != nil {
			b.Fatal(err)
		}
	}
}

// inBoth benchmarks an empty store of each database that there is.
func inBoth(b *testing.B, bench func(b *testing.B, s *store.Store, url string)) {
	run := func(name, url string) {
		b.Run(name, func(b *testing.B) {
			s, err := store.Open(ctx, store.Config{URL: url})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			bench(b, s, url)
		})
	}
	run("sqlite", "sqlite:"+filepath.Join(b.TempDir(), "kadeploy.db"))
	server, err := pgtest.New()
	if err != nil {
		b.Log("no PostgreSQL:", err)
		return
	}
	defer server.Close()
	url, err := server.Create("bench")
	if err != nil {
		b.Fatal(err)
	}
	run("postgres", url)
}

// BenchmarkWrite writes batches as a journal under load does: 100 events of one operation.
func BenchmarkWrite(b *testing.B) {
	inBoth(b, benchmarkWrite)
}

func benchmarkWrite(b *testing.B, s *store.Store, _ string) {
	if err := s.Write(ctx, begun()); err != nil {
		b.Fatal(err)
	}
	var seq atomic.Uint64
	seq.Store(10)
	for b.Loop() {
		var batch store.Batch
		for range 100 {
			batch.Events = append(batch.Events, store.Event{Operation: "D-1", Seq: seq.Add(1), Time: noon, Fact: make([]byte, 200)})
		}
		if err := s.Write(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
}

// asked measures a question that has an answer: its time, and what this process takes of a core for it, which is nearly the same on a
// machine that does much else. (What a server of PostgreSQL takes is not in that.)
func asked(b *testing.B, name string, ask func() (found int, err error)) {
	b.Run(name, func(b *testing.B) {
		before := ofCore(b)
		for b.Loop() {
			if n, err := ask(); err != nil || n == 0 {
				b.Fatal(n, err)
			}
		}
		b.ReportMetric(float64((ofCore(b)-before).Microseconds())/1000/float64(b.N), "core-ms/op")
	})
}

// ofCore is the time that this process has had of the machine's cores.
func ofCore(b *testing.B) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkMillion asks a store of a million operations.
func BenchmarkMillion(b *testing.B) {
	inBoth(b, benchmarkMillion)
}

func benchmarkMillion(b *testing.B, s *store.Store, url string) {
	fillMillion(b, s)
	middle := time.UnixMicro(1700000000000000 + 500_000*30_000_000)
	for name, q := range map[string]store.Query{
		"newest":        {},
		"user":          {User: "user7"},
		"rare outcome":  {Outcomes: []string{"failed"}, Limit: 1000},
		"rare of user":  {User: "user7", Outcomes: []string{"failed"}},
		"kind and user": {User: "user7", Kind: "deploy"},
		"none":          {Kind: "deploy", Outcomes: []string{"aborted"}},
		"node":          {Node: "node-7"},
		"page":          {Before: "D-500000", Kind: "deploy"},
		"span":          {Since: middle, Until: middle.Add(24 * time.Hour), Limit: 1000},
	} {
		asked(b, "history/"+name, func() (int, error) { all, err := s.History(ctx, q); return max(len(all), 1), err })
	}
	since := time.UnixMicro(1700000000000000)
	for _, days := range []int{7, 30, 365} {
		until := since.Add(time.Duration(days) * 24 * time.Hour)
		for name, ask := range map[string]func(kind string) (int, error){
			"steptimes": func(kind string) (int, error) { all, err := s.StepTimes(ctx, kind, since, until); return len(all), err },
			"noderates": func(kind string) (int, error) { all, err := s.NodeRates(ctx, kind, since, until); return len(all), err },
			"causes":    func(kind string) (int, error) { all, err := s.Causes(ctx, kind, since, until); return len(all), err },
		} {
			for _, kind := range []string{"", "deploy"} {
				asked(b, fmt.Sprintf("%s/%d days of %q", name, days, kind), func() (int, error) { return ask(kind) })
			}
		}
	}
	asked(b, "show/page", func() (int, error) { // from the middle, as the actor of the history asks
		nodes, err := s.NodesOf(ctx, "D-500000", "host-15", 500)
		if err != nil || len(nodes) != 500 {
			return 0, err
		}
		span := store.Span{After: "host-15", To: nodes[499]}
		steps, err := s.StepsOf(ctx, "D-500000", span, 2000)
		if err != nil || len(steps) != 1500 {
			return 0, err
		}
		results, err := s.ResultsOf(ctx, "D-500000", span, 500)
		return len(results), err
	})
	asked(b, "unended", func() (int, error) { all, err := s.Unended(ctx); return max(len(all), 1), err })
	b.Run("open", func(b *testing.B) { // looks at all of the file
		for b.Loop() {
			again, err := store.Open(ctx, store.Config{URL: url})
			if err != nil {
				b.Fatal(err)
			}
			again.Close()
		}
		n, _ := s.Size(ctx)
		b.ReportMetric(float64(n)/1e6, "MB")
	})
}

// BenchmarkKeepRights is two changes of 100 rights in a book of 20,000, and all of them given and taken away.
func BenchmarkKeepRights(b *testing.B) {
	inBoth(b, func(b *testing.B, s *store.Store, _ string) {
		big, less, none := manyRights("bob", 20_000), manyRights("bob", 19_900), rights.New()
		keep := func(b *testing.B, books ...*rights.Book) {
			for b.Loop() {
				for _, book := range books {
					if err := s.KeepRights(ctx, book); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
		b.Run("all", func(b *testing.B) { keep(b, big, none) })
		keep(b, big)
		b.Run("100", func(b *testing.B) { keep(b, less, big) })
	})
}
