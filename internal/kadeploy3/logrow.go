package kadeploy3

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/mysqldump"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/internal/wording"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// logRow is one row of log: one node in one operation. Columns: db/db_creation.sql of 3.0 to 3.3.
type logRow struct {
	wid, host, user string
	env             string // NAME:VERSION
	cause           string
	start           int64     // seconds since 1970
	steps           [3]string // instances, the last one that each macro-step tried; "": it was not reached
	took            [3]uint32 // seconds, of the last try
	tries           [3]uint32
	anonymous, ok   bool
}

var workflowID = regexp.MustCompile(`^[!-~]{1,41}$`)

// takeLog keeps the row of a deployment. Of rows that are not kept nothing stays in memory: there may be any number of them.
func (p *Past) takeLog(row mysqldump.Row, place Place) error {
	text := func(column string) string { return p.text(row, column, place) }
	id := "wid" // deploy_id before 3.2
	if !row.Table.Has(id) {
		id = "deploy_id"
	}
	r := logRow{wid: text(id), host: text("hostname"), user: text("user"), env: text("env"), cause: text("error"),
		anonymous: text("anonymous_env") == "true", ok: text("success") == "true"}
	switch kind, _, _ := strings.Cut(r.wid, "-"); {
	case id == "wid" && (kind == "R" || kind == "P" || kind == "C"):
		p.others++
		return nil
	case len(p.rows) == p.maxRows:
		p.beyond++
		if kept, is := p.words[r.wid]; is {
			p.cut[kept] = true
		}
		return nil
	case !workflowID.MatchString(r.wid):
		p.report.lost(place, "%s %.50q is not the name of an operation", id, r.wid)
		return nil
	case r.host == "":
		p.report.lost(place, "it names no node")
		return nil
	}
	err := p.times(row, &r)
	if err != nil {
		p.report.lost(place, "%v", err)
		return nil
	}
	for _, s := range []*string{&r.wid, &r.host, &r.user, &r.env, &r.steps[0], &r.steps[1], &r.steps[2]} {
		*s = p.word(*s)
	}
	p.rows = append(p.rows, r)
	return nil
}

// times reads the start, the instances, and how often and how long they were tried.
func (p *Past) times(row mysqldump.Row, r *logRow) error {
	number := func(column string) (uint32, error) {
		v := row.Get(column)
		if v.Null && column != "start" {
			return 0, nil
		}
		n, err := strconv.ParseUint(v.Text, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("%s %.20q is no number", column, v.Text)
		}
		return uint32(n), nil
	}
	start, err := number("start")
	if err != nil {
		return err
	}
	if r.start = int64(start); start == 0 {
		return fmt.Errorf("start is 0: nobody knows when it was")
	}
	for i := range r.steps {
		column := fmt.Sprintf("step%d", i+1)
		r.steps[i] = instance(i, row.Get(column).Text)
		if r.took[i], err = number(column + "_duration"); err != nil {
			return err
		}
		retries, err := number("retry_" + column)
		if err != nil {
			return err
		}
		r.tries[i] = retries + 1
		if p.old { // it counted the first try, too
			r.tries[i] = max(retries, 1)
		}
	}
	return nil
}

var (
	macros       = [3]workflow.Macro{workflow.SetDeploymentEnv, workflow.BroadcastEnv, workflow.BootNewEnv}
	numbered     = regexp.MustCompile(`-[0-9]+$`)
	instanceName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
)

// instance is the name of an instance: Untrusted, of SetDeploymentEnvUntrusted and of SetDeploymentEnv-Untrusted-1.
func instance(step int, text string) string {
	name := strings.TrimPrefix(numbered.ReplaceAllString(text, ""), string(macros[step]))
	if name = strings.TrimPrefix(name, "-"); instanceName.MatchString(name) {
		return name
	}
	if text == "" {
		return ""
	}
	return "unknown"
}

// end is when the last try of the last step was over.
func (r logRow) end() int64 {
	return r.start + int64(r.took[0]) + int64(r.took[1]) + int64(r.took[2])
}

// last is the step that the row ends in, -1 when none was begun.
func (r logRow) last() int {
	for i := len(r.steps) - 1; i >= 0; i-- {
		if r.steps[i] != "" {
			return i
		}
	}
	return -1
}

// failed is MACRO-MICRO: TEXT, as Kadeploy3 writes errors.
var failed = regexp.MustCompile(`^[A-Za-z]\w*-([a-z]\w*): ?(?s:(.*))$`)

// why is the micro-step that a row failed in, "" when it does not say, and the cause.
func (r logRow) why() (micro, cause string) {
	if r.ok {
		return "", ""
	}
	cause = wording.Clean(strings.TrimSpace(r.cause))
	if at := failed.FindStringSubmatch(r.cause); at != nil {
		micro, cause = at[1], wording.Clean(strings.TrimSpace(at[2]))
	}
	if cause == "" {
		cause = "no cause was written down"
	}
	return micro, cause
}

// result is the end of the node.
func (r logRow) result(operation, cluster string) store.Result {
	result := store.Result{Operation: operation, Node: r.host, Cluster: cluster, Phase: store.PhaseOK, Tries: 1, At: moment(r.end())}
	for i, step := range r.steps {
		if step != "" {
			result.Tries += int(r.tries[i]) - 1
		}
	}
	if r.ok {
		return result
	}
	micro, cause := r.why()
	result.Phase, result.Cause = store.PhaseKO, cause
	if last := r.last(); last >= 0 {
		result.State = strings.TrimSuffix(string(macros[last])+"/"+r.steps[last]+"/"+micro, "/")
	}
	return result
}

// lastTries are those of each macro-step: of the tries before nothing was written down. Their instances are named apart from this
// server's: Kadeploy3 measured whole sets of nodes, in its own deployment system.
func (r logRow) lastTries(operation, cluster string) []store.Step {
	var all []store.Step
	at := r.start
	for i, step := range r.steps {
		if step == "" {
			continue
		}
		t := store.Step{Operation: operation, Node: r.host, Cluster: cluster, Macro: string(macros[i]), Instance: step + workflow.OfKadeploy3,
			Try: int(r.tries[i]), At: moment(at), Took: time.Duration(r.took[i]) * time.Second, Outcome: store.StepOK}
		if !r.ok && i == r.last() {
			t.Outcome = store.StepFailed
			t.Micro, t.Cause = r.why()
		}
		all = append(all, t)
		at += int64(r.took[i])
	}
	return all
}

func moment(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
