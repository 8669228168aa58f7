package kadeploy3

import (
	"context"
	"strconv"

	"github.com/kadeploy/kadeploy/internal/mysqldump"
	"github.com/kadeploy/kadeploy/internal/store"
)

// stateRow is one row of nodes.
type stateRow struct {
	host, state, env, user string // env: an id of environments; -1: an anonymous one, or none
	since                  int64  // seconds since 1970
	place                  Place
}

func (p *Past) takeState(row mysqldump.Row, place Place) error {
	if len(p.states) == maxStateRows {
		p.report.lost(place, "more than %d states of nodes", maxStateRows)
		return nil
	}
	text := func(column string) string { return p.text(row, column, place) }
	since, err := strconv.ParseUint(text("date"), 10, 32)
	if err != nil {
		p.report.lost(place, "date %.20q is no number", text("date"))
		return nil
	}
	p.states = append(p.states, stateRow{text("hostname"), text("state"), row.Get("env_id").Text, text("user"), int64(since), place})
	return nil
}

// stateNow is what a state of Kadeploy3 (1.10) is here, and whether the environment that is written beside it runs then. What was under way
// when the dump was made was never finished by this server.
var stateNow = map[string]struct {
	state string
	runs  bool
}{
	"deployed": {"deployed", true}, "recorded_env": {"deployed", true}, "rebooted": {"rebooted", true}, "powered": {"powered", true},
	"deploy_failed": {"deploy_failed", false}, "aborted": {"aborted", false}, "deploy_env": {"deploy_env", false},
	"reboot_failed": {"reboot_failed", false}, "power_failed": {"power_failed", false}, "prod_env": {"free", false},
	"deploying": {"aborted", false}, "rebooting": {"aborted", false}, "powering": {"aborted", false},
}

// storeStates puts the states of nodes that the server knows nothing of into the archive. latest are the last deployments.
func (p *Past) storeStates(ctx context.Context, to Server, taken *Taken, latest map[string]string) error {
	known := map[string]bool{}
	if to.Into != nil {
		all, err := to.Into.Nodes(ctx)
		if err != nil {
			return err
		}
		for _, n := range all {
			known[n.Node] = true
		}
	}
	var batch store.Batch
	seen := map[string]bool{}
	for _, r := range p.states {
		now, named := stateNow[r.state]
		_, ours := to.Site.Node(r.host)
		switch {
		case !ours:
			p.report.lost(r.place, "no node of the configuration is named %.70q", r.host)
		case !named:
			p.report.lost(r.place, "%s: unknown state %.30q", r.host, r.state)
		case seen[r.host]:
			p.report.lost(r.place, "%s is there twice: the first row was taken", r.host)
		case known[r.host]:
			taken.KnownStates++
		default:
			n := store.NodeState{Node: r.host, State: now.state, User: r.user, Since: moment(r.since)}
			if now.runs {
				n.Environment = p.envNames[r.env]
			}
			if now.state == "deployed" && p.beyond == 0 { // else a later one may be among the rows that were not read
				n.Operation = latest[r.host]
			}
			batch.Nodes = append(batch.Nodes, n)
		}
		seen[r.host] = true
	}
	if to.Into != nil && len(batch.Nodes) > 0 {
		if err := to.Into.Write(ctx, batch); err != nil {
			return err
		}
	}
	taken.States = len(batch.Nodes)
	return nil
}
