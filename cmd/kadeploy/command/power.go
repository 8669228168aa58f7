package command

import (
	"cmp"
	"context"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/argv"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// switches are the ways to switch power, and the level of each when none is given: nobody cycles power gently.
var switches = map[string]struct {
	operation message.Operation
	level     string
}{
	"on":    {message.Operation_POWER_ON, "soft"},
	"off":   {message.Operation_POWER_OFF, "soft"},
	"cycle": {message.Operation_POWER_CYCLE, "very_hard"},
}

func (r *runner) powerCommand() *cli.Command {
	return &cli.Command{
		Name: "power", Usage: "switch nodes on and off", Description: powerHelp, ArgsUsage: "on | off | cycle | status",
		Flags: join(nodeFlags(), []cli.Flag{
			&cli.StringFlag{Name: "level", Aliases: []string{"l"}, Usage: "`LEVEL`: soft, hard or very_hard; when it fails, the next one is tried (default: soft; cycle: very_hard)"},
			toggle("nodes that another operation holds, too (for admins)", "force"),
		}, waitFlags(), fileFlags(), []cli.Flag{outputFlag()}, serverFlags()),
		Action: func(c *cli.Context) error {
			changes := []string{"level", "force", "no-wait", "write-id", "script", "output-ok-nodes", "output-ko-nodes"}
			verb, rest, err := verbOf(c, map[string][]string{"on": changes, "off": changes, "cycle": changes, "status": nil})
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return usage("power", "unexpected argument %q; nodes are given by -m NODES", rest[0])
			}
			return r.power(c, verb)
		},
	}
}

func (r *runner) power(c *cli.Context, verb string) error {
	if verb == "status" {
		return r.powerStatus(c)
	}
	p, err := r.planOf(c, switches[verb].operation)
	if err != nil {
		return err
	}
	p.submit.Force = c.Bool("force")
	if p.submit.RebootLevel, err = powerLevel(p.command, cmp.Or(c.String("level"), switches[verb].level)); err != nil {
		return err
	}
	return r.withServer(c, func(svc Service) error { return r.operate(c.Context, svc, p) })
}

// powerState is one of the "nodes" in the JSON of kadeploy power status.
type powerState struct {
	Name    string `json:"name"`
	Power   string `json:"power"`   // on, off, unknown
	Problem string `json:"problem"` // why it is unknown
}

func (r *runner) powerStatus(c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	nodes, err := readNodes(c.Command.Name, c.StringSlice("machine"), c.StringSlice("file"), r.Stdin)
	if err != nil {
		return err
	}
	return r.withServer(c, func(svc Service) error { return r.showPower(c.Context, svc, nodes, asJSON) })
}

// showPower is a failure when the power of some nodes is not known: scripts take no answer for an answer otherwise.
func (r *runner) showPower(ctx context.Context, svc Service, nodes []string, asJSON bool) error {
	answer, err := await(ctx, r, 0, func(ctx context.Context) (*message.PowerStates, error) { return svc.PowerStates(ctx, nodes) })
	if err != nil {
		return err
	}
	var states []powerState
	for _, s := range answer.GetNodes() {
		states = append(states, powerState{wording.Clean(s.GetNode()), wording.Clean(cmp.Or(s.GetState(), "unknown")), wording.Clean(s.GetProblem())})
	}
	if asJSON {
		err = r.writeJSON(map[string]any{"nodes": states})
	} else {
		rows := [][]string{{"NODE", "POWER", "PROBLEM"}}
		for _, s := range states {
			rows = append(rows, []string{s.Name, s.Power, dash(s.Problem)})
		}
		wording.Table(r.Stdout, rows)
	}
	unknown := func(s powerState) bool { return s.Power == "unknown" }
	switch {
	case err != nil || !slices.ContainsFunc(states, unknown):
		return err
	case slices.ContainsFunc(states, func(s powerState) bool { return !unknown(s) }):
		return &argv.Failure{Code: exitPartial}
	}
	return &argv.Failure{Code: exitFailed}
}
