package command

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/internal/argv"
)

// stay follows an operation and leaves its results: tables or JSON, files, script, exit code.
func (r *runner) stay(ctx context.Context, svc Service, f follower, res results) error {
	f.display = r.display(res.json, f.cancels)
	end := f.follow(ctx, r, svc)
	if err := f.display.Close(); err != nil {
		fmt.Fprintf(r.Stderr, "kadeploy: %s\n", err)
	}
	var refused *client.RefusedError
	if errors.As(end.err, &refused) {
		return end.err // there is no such operation, or it is not ours: nothing to report
	}
	rep := newReport(&f, end.ended)
	rep.ExitCode = exitCode(&f, end)
	r.leave(ctx, rep, res)
	var err error
	if res.json {
		err = r.writeJSON(rep)
	} else {
		err = r.writeText(rep)
	}
	if err != nil {
		return err
	}
	return lastWord(&f, end, rep.ExitCode)
}

// leave writes the files and runs the script; what goes wrong here turns success into failure, and nothing else.
func (r *runner) leave(ctx context.Context, rep *report, res results) {
	fail := func(err error) {
		if err == nil {
			return
		}
		fmt.Fprintf(r.Stderr, "kadeploy: %s\n", err)
		if rep.ExitCode == exitOK {
			rep.ExitCode = exitFailed
		}
	}
	ok, ko := rep.split()
	fail(res.ok.write(ok))
	fail(res.ko.write(ko))
	if res.script != "" {
		fail(r.runScript(ctx, rep, res))
	}
}

// runScript runs the user's script. Its output goes where people look: JSON keeps standard output for itself.
func (r *runner) runScript(ctx context.Context, rep *report, res results) error {
	_, err := await(ctx, r, r.Grace, func(ctx context.Context) (struct{}, error) {
		cmd := exec.CommandContext(ctx, res.script)
		cmd.Stdout, cmd.Stderr = r.Stdout, r.Stderr
		if res.json {
			cmd.Stdout = r.Stderr
		}
		cmd.WaitDelay = time.Second
		cmd.Env = append(cmd.Environ(),
			"KADEPLOY_ID="+rep.ID, "KADEPLOY_OUTCOME="+rep.Outcome, fmt.Sprintf("KADEPLOY_EXIT_CODE=%d", rep.ExitCode),
			"KADEPLOY_OK_FILE="+res.ok.place.Path, "KADEPLOY_KO_FILE="+res.ko.place.Path)
		return struct{}{}, cmd.Run()
	})
	if err != nil {
		return fmt.Errorf("-s %s: %w", res.script, err)
	}
	return nil
}

// lastWord says on standard error what the report cannot.
func lastWord(f *follower, end ending, code int) error {
	var text, hint string
	switch {
	case f.interrupted && !f.cancels:
		text, hint = fmt.Sprintf("interrupted: %s goes on", f.id), "kadeploy watch "+f.id+" follows it, kadeploy cancel "+f.id+" ends it"
	case f.interrupted && f.cancelled != nil:
		text, hint = fmt.Sprintf("interrupted: cannot cancel %s: %s", f.id, f.cancelled), "see kadeploy status "+f.id
	case f.interrupted && end.ended == nil:
		text, hint = fmt.Sprintf("interrupted: left before the server confirmed the end of %s", f.id), "see kadeploy status "+f.id
	case f.interrupted:
		text = fmt.Sprintf("interrupted: %s has ended", f.id)
	case end.err != nil:
		text, hint = fmt.Sprintf("lost sight of %s: %s", f.id, end.err), "it may go on: kadeploy watch "+f.id
	case code != exitOK:
		return &argv.Failure{Code: code} // the summary has said it
	default:
		return nil
	}
	return &argv.Failure{Code: code, Err: errors.New(text), Hint: hint}
}
