package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// maxListed is what one answer of the server has.
const maxListed = 1000

// operations is the JSON of kadeploy history.
type operations struct {
	Operations []pastOperation `json:"operations"`
	Next       string          `json:"next"` // for --before, when there may be more
}

// pastOperation is one of the "operations" in the JSON of kadeploy history.
type pastOperation struct {
	ID          string  `json:"id"`
	Operation   string  `json:"operation"` // deploy, reboot
	User        string  `json:"user"`
	Since       string  `json:"since"` // RFC 3339
	Until       string  `json:"until"` // RFC 3339; "" while running
	Running     bool    `json:"running"`
	Seconds     float64 `json:"seconds"` // up to now while running
	Outcome     string  `json:"outcome"` // as in the report; "" while running
	Total       uint32  `json:"total"`
	OK          uint32  `json:"ok"`
	KO          uint32  `json:"ko"`
	MinNodes    uint32  `json:"min_nodes"` // 0: every node
	Environment string  `json:"environment"`
	Text        string  `json:"text"`
	Resumed     uint32  `json:"resumed"` // how often a later server has taken it up
}

func (r *runner) historyCommand() *cli.Command {
	return &cli.Command{
		Name: "history", Usage: "show what was done, also long ago", Description: historyHelp,
		Flags: join([]cli.Flag{
			&cli.StringFlag{Name: "node", Usage: "operations that `NODE` was in, or is"},
			&cli.StringFlag{Name: "user", Usage: "operations of `USER` (for admins)"},
		}, spanFlags(""), []cli.Flag{
			&cli.StringFlag{Name: "kind", Usage: "only `KIND`: " + strings.Join(kinds(), " or ")},
			toggle("only those that failed, altogether or on some nodes", "failed"),
			&cli.IntFlag{Name: "limit", Value: 50, Usage: "at most `N` operations, up to 1000"},
			&cli.StringFlag{Name: "before", Usage: "those that come after `ID` in the list, to read on"},
			tableFlag(),
		}, serverFlags()),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			format, err := formatOf(c, tableFormats...)
			if err != nil {
				return err
			}
			request, err := historyRequest(c)
			if err != nil {
				return err
			}
			return r.withServer(c, func(svc Service) error { return r.history(c.Context, svc, request, format) })
		},
	}
}

// kinds are those of operations that the protocol has.
func kinds() []string {
	var all []string
	for i := range len(message.Operation_name) {
		all = append(all, lower(message.Operation(i)))
	}
	return all
}

// failed are the outcomes of what did not go as it was asked for. What was cancelled did.
var failed = []message.Outcome{message.Outcome_FAILED, message.Outcome_PARTIAL}

func historyRequest(c *cli.Context) (*message.HistoryRequest, error) {
	m := &message.HistoryRequest{User: c.String("user"), Node: c.String("node"), Kind: c.String("kind"), Before: c.String("before")}
	if names, err := nodeset.Expand(m.Node); m.Node != "" && (err != nil || len(names) != 1) {
		return nil, usage("history", "--node %s: not the name of one node", m.Node)
	}
	if m.User != "" {
		if err := rights.CheckName(m.User); err != nil {
			return nil, usage("history", "--user: %w", err)
		}
	}
	if m.Kind != "" && !slices.Contains(kinds(), m.Kind) {
		return nil, usage("history", "--kind %s: not a kind; %s", m.Kind, strings.Join(kinds(), " or "))
	}
	if c.Bool("failed") {
		m.Outcomes = failed
	}
	if n := c.Int("limit"); n < 1 || n > maxListed {
		return nil, usage("history", "--limit %d: expected 1 to %d", n, maxListed)
	}
	m.Limit = uint32(c.Int("limit"))
	var err error
	m.Since, m.Until, err = spanOf(c, time.Now())
	return m, err
}

func (r *runner) history(ctx context.Context, svc Service, m *message.HistoryRequest, format string) error {
	answer, err := await(ctx, r, 0, func(ctx context.Context) (*message.History, error) { return svc.History(ctx, m) })
	if err != nil {
		return err
	}
	found := []pastOperation{}
	l := &listing{shown: []string{"ID", "OPERATION", "USER", "SINCE", "TOOK", "OUTCOME", "NODES", "OK", "KO", "ENVIRONMENT", "TEXT"},
		names: []string{"id", "operation", "user", "since", "until", "running", "seconds", "outcome", "total", "ok", "ko", "min_nodes", "environment", "text", "resumed"}}
	for _, o := range answer.GetOperations() {
		p := newPastOperation(o)
		found = append(found, p)
		l.add(p.cells(), p.row())
	}
	next := ""
	if len(found) > 0 && len(found) == int(m.GetLimit()) {
		next = found[len(found)-1].ID
	}
	switch {
	case format == "json":
		return r.writeJSON(operations{found, next})
	case format == "csv":
		if err := r.writeCSV(l); err != nil {
			return err
		}
	case len(found) == 0:
		fmt.Fprintln(r.Stdout, "no operations")
		return nil
	default:
		wording.Table(r.Stdout, append([][]string{l.shown}, l.text...))
	}
	if next != "" {
		fmt.Fprintf(r.Stderr, "there may be older ones: add --before %s\n", next)
	}
	return nil
}

func newPastOperation(o *message.PastOperation) pastOperation {
	clean := wording.Clean
	p := pastOperation{
		ID: clean(o.GetId()), Operation: clean(o.GetKind()), User: clean(o.GetUser()), Since: rfc3339(o.GetSince()), Until: rfc3339(o.GetUntil()),
		Running: o.GetUntil() == nil, Total: o.GetTotal(), OK: o.GetOk(), KO: o.GetKo(), MinNodes: o.GetMinNodes(),
		Environment: clean(o.GetEnvironment()), Text: clean(o.GetText()), Resumed: o.GetResumed(),
	}
	if p.Running {
		p.Seconds = seconds(o.GetTook())
	} else {
		p.Outcome = lower(o.GetOutcome())
		p.Seconds = max(o.GetUntil().AsTime().Sub(o.GetSince().AsTime()), 0).Seconds()
	}
	return p
}

func (p *pastOperation) cells() []string {
	outcome, ok, ko := "running", "-", "-"
	if !p.Running {
		outcome, ok, ko = p.Outcome, fmt.Sprint(p.OK), fmt.Sprint(p.KO)
	}
	return []string{p.ID, p.Operation, p.User, local(p.Since), elapsed(p.Seconds), outcome, fmt.Sprint(p.Total), ok, ko, dash(p.Environment), p.Text}
}

// row is what the JSON has.
func (p *pastOperation) row() []string {
	return []string{p.ID, p.Operation, p.User, p.Since, p.Until, fmt.Sprint(p.Running), fmt.Sprintf("%.3f", p.Seconds), p.Outcome,
		fmt.Sprint(p.Total), fmt.Sprint(p.OK), fmt.Sprint(p.KO), fmt.Sprint(p.MinNodes), p.Environment, p.Text, fmt.Sprint(p.Resumed)}
}

func elapsed(seconds float64) string {
	return wording.Elapsed(time.Duration(seconds * float64(time.Second)))
}
