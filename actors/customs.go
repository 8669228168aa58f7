package actors

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// readCustoms reads the breakpoint and the custom operations of a request (Kadeploy3 1.6).
func (j *job) readCustoms() error {
	r := j.request
	if text := r.GetBreakpoint(); text != "" {
		b, err := workflow.ParseBreakpoint(text)
		if err != nil {
			return err
		}
		j.breakpoint = &b
	}
	if len(r.GetCustomOperations()) == 0 {
		return nil
	}
	customs, problems := config.ParseCustomOperations(r.GetCustomOperations(), r.GetCustomOperationsPath())
	if problems.HasErrors() {
		return errors.New(strings.ReplaceAll(problems.Error(), "\n", "; "))
	}
	j.customs = customs
	return nil
}

// pauses are the micro-steps with a script that is called breakpoint.
func (j *job) pauses(n *config.Node) (micros []workflow.Micro) {
	pre := n.PreInstall
	if j.env.PreInstall != nil {
		pre = []config.Archive{*j.env.PreInstall}
	}
	stops := func(a config.Archive) bool { return a.Script == "breakpoint" }
	for micro, archives := range map[workflow.Micro][]config.Archive{
		workflow.ManageAdminPre: pre, workflow.ManageAdminPost: n.PostInstall, workflow.ManageUserPost: j.env.PostInstall,
	} {
		if slices.ContainsFunc(archives, stops) {
			micros = append(micros, micro)
		}
	}
	return micros
}

// customFiles are the files that the custom operations of the user send.
func (j *job) customFiles() namedFiles {
	return func(yield func(string, *string) bool) {
		for _, c := range j.customs {
			for _, ops := range [][]workflow.Custom{c.Pre, c.Substitute, c.Post} {
				for i := range ops {
					if ops[i].File != "" && !yield("custom operation "+ops[i].Name, &ops[i].File) {
						return
					}
				}
			}
		}
	}
}

// checkCustomFiles finds a missing or oversized file before any machine is touched.
func (j *job) checkCustomFiles() error {
	for what, path := range j.customFiles() {
		if err := checkArchive(*path, j.maxPost); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// custom does one custom operation, again as often as it may fail.
func (w *walker) custom(ctx context.Context, micro workflow.Micro, op *workflow.Custom) (err error) {
	for range op.Retries + 1 {
		if err = w.customOnce(ctx, micro, op); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op.Name, err)
	}
	return nil
}

func (w *walker) customOnce(ctx context.Context, micro workflow.Micro, op *workflow.Custom) error {
	if op.Timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, op.Timeout, fmt.Errorf("not done in %s, its timeout", op.Timeout))
		defer cancel()
		ctx = limited
	}
	session, err := agentFor(ctx, w.system, w.host, present)
	if err != nil {
		return err
	}
	vars := w.job.variables(w.target)
	k := &agentpb.Custom{Kind: string(op.Do), Command: op.Command, Params: op.Params, Dir: w.target.node.RambinDir, Env: vars}
	if op.Do == workflow.Send {
		k.Dir = os.Expand(op.Destination, func(name string) string { return vars[name] })
	}
	if op.File != "" {
		info, err := os.Stat(op.File)
		if err == nil {
			err = w.job.same(op.File, info)
		}
		if err != nil {
			return &fatalError{w.job.worded(err)}
		}
		k.Name = filepath.Base(w.job.shown(op.File))
		k.File, k.Size = "custom-"+k.Name, uint64(info.Size())
		session.OfferSame(k.File, op.File, w.job.allowed[op.File])
	}
	_, err = give(ctx, session, &agentpb.Order{Step: string(micro), Kind: &agentpb.Order_Custom{Custom: k}})
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, agentlink.ErrLost) {
		return cause
	}
	return err
}
