package command

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// statistics is the JSON of kadeploy stats. Of the four lists those are there that were asked for.
type statistics struct {
	Since         string        `json:"since"` // RFC 3339; the whole of its day (UTC) is counted
	Until         string        `json:"until"` // likewise; "" is now
	Kind          string        `json:"kind"`  // of the operations: deploy, ..., or all
	DatabaseBytes uint64        `json:"database_bytes"`
	Nodes         *[]nodeRate   `json:"nodes,omitempty"`
	Steps         *[]stepTime   `json:"steps,omitempty"`
	Failures      *[]cause      `json:"failures,omitempty"`
	Timeouts      *[]suggestion `json:"timeouts,omitempty"`
}

type nodeRate struct {
	Node        string  `json:"node"`
	Cluster     string  `json:"cluster"`
	OK          uint64  `json:"ok"` // operations
	KO          uint64  `json:"ko"`
	FailureRate float64 `json:"failure_rate"` // 0 to 1
	Retries     uint64  `json:"retries"`      // tries beyond the first
}

type stepTime struct {
	Cluster  string  `json:"cluster"`
	Macro    string  `json:"macro"`
	Instance string  `json:"instance"`
	OK       uint64  `json:"ok"` // tries
	Failed   uint64  `json:"failed"`
	Cut      uint64  `json:"cut"`
	P50      float64 `json:"p50"` // seconds, of the tries that were OK and no restart of the server interrupted
	P90      float64 `json:"p90"`
	P99      float64 `json:"p99"`
	Max      float64 `json:"max"`

	timed uint64 // tries that the times are of
}

type cause struct {
	Count   uint64 `json:"count"`
	Macro   string `json:"macro"`
	Micro   string `json:"micro"`
	Cause   string `json:"cause"`   // without names and numbers
	Example string `json:"example"` // a node
}

// everyKind is, as a kind, each of them.
const everyKind = "all"

func (r *runner) statsCommand() *cli.Command {
	return &cli.Command{
		Name: "stats", Usage: "show failure rates, times and causes", Description: statsHelp,
		Flags: join(spanFlags("30d"), []cli.Flag{
			toggle("how often each node failed, and was tried again", "nodes"),
			toggle("how long each macro-step takes", "steps"),
			toggle("why tries failed", "failures"),
			toggle("timeouts for macrostep that the times suggest; nothing is changed", "timeouts"),
			&cli.StringFlag{Name: "kind", Value: "deploy", Usage: "of operations of `KIND`: " + either(append(kinds(), everyKind))},
			&cli.StringFlag{Name: "output", Value: "text", Usage: "`FORMAT` of the result on standard output: text, csv (of one of the four) or json"},
		}, serverFlags()),
		Action: r.stats,
	}
}

func (r *runner) stats(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	var wanted []string
	for _, what := range []string{"nodes", "steps", "failures", "timeouts"} {
		if c.Bool(what) {
			wanted = append(wanted, what)
		}
	}
	format, err := formatOf(c, tableFormats...)
	kind := c.String("kind")
	switch {
	case err != nil:
		return err
	case kind != everyKind && !slices.Contains(kinds(), kind):
		return usage("stats", "--kind %s: not a kind; %s", kind, either(append(kinds(), everyKind)))
	case format == "csv" && len(wanted) != 1:
		return usage("stats", "--output csv is one table: say one of --nodes, --steps, --failures and --timeouts")
	case len(wanted) == 0:
		wanted = []string{"nodes", "steps", "failures"}
	}
	m := &message.StatsRequest{}
	if kind != everyKind {
		m.Kind = kind
	}
	if m.Since, m.Until, err = spanOf(c, time.Now()); err != nil {
		return err
	}
	for _, what := range wanted {
		m.Nodes, m.Causes = m.Nodes || what == "nodes", m.Causes || what == "failures"
		m.Steps = m.Steps || what == "steps" || what == "timeouts"
	}
	return r.withServer(c, func(svc Service) error {
		answer, err := await(c.Context, r, 0, func(ctx context.Context) (*message.Stats, error) { return svc.Stats(ctx, m) })
		if err != nil {
			return err
		}
		s := newStatistics(answer, wanted)
		s.Since, s.Until, s.Kind = rfc3339(m.GetSince()), rfc3339(m.GetUntil()), kind
		switch format {
		case "json":
			return r.writeJSON(s)
		case "csv":
			return r.writeCSV(s.tables()[0]) // the one that was asked for
		}
		return r.writeStatistics(s)
	})
}

// newStatistics takes from an answer what was wanted.
func newStatistics(m *message.Stats, wanted []string) *statistics {
	s := &statistics{DatabaseBytes: m.GetDatabaseBytes()}
	for _, what := range wanted {
		switch what {
		case "nodes":
			s.Nodes = new(nodeRates(m.GetNodes()))
		case "steps":
			s.Steps = new(stepTimes(m.GetSteps()))
		case "failures":
			s.Failures = new(causes(m.GetCauses()))
		case "timeouts":
			s.Timeouts = new(suggestions(stepTimes(m.GetSteps())))
		}
	}
	return s
}

// stepTimes joins what happened inside an instance to the instance: the times are those of the whole, and tries fail and are
// cut at some micro-step.
func stepTimes(all []*message.StepStats) []stepTime {
	rows := []stepTime{}
	at := make(map[string]int)
	for _, t := range all {
		row := stepTime{Cluster: wording.Clean(t.GetCluster()), Macro: wording.Clean(t.GetMacro()), Instance: wording.Clean(t.GetInstance())}
		key := strings.Join([]string{row.Cluster, row.Macro, row.Instance}, "\n")
		i, known := at[key]
		if !known {
			i = len(rows)
			at[key] = i
			rows = append(rows, row)
		}
		rows[i].Failed += t.GetFailed()
		rows[i].Cut += t.GetCut()
		if t.GetMicro() == "" {
			rows[i].OK, rows[i].timed = t.GetOk()+t.GetResumed(), t.GetOk()
			rows[i].P50, rows[i].P90, rows[i].P99, rows[i].Max = seconds(t.GetP50()), seconds(t.GetP90()), seconds(t.GetP99()), seconds(t.GetMax())
		}
	}
	return rows
}

func seconds(d *durationpb.Duration) float64 {
	return d.AsDuration().Round(time.Millisecond).Seconds()
}
