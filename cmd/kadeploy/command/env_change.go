package command

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/argv"
	"github.com/kadeploy/kadeploy/internal/catalogue"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// fileChange is a file that is not what it was, in the JSON of kadeploy env update.
type fileChange struct {
	Part string `json:"part"`
	Path string `json:"path"`
	Was  string `json:"was"` // sha256
	Now  string `json:"now"`
}

// envMoved is an environment in the JSON of kadeploy env move.
type envMoved struct {
	Name    string     `json:"name"`
	Version uint32     `json:"version"`
	User    string     `json:"user"`
	Files   []pathMove `json:"files"`
	Problem string     `json:"problem"` // "": it was moved, or would be
}

type pathMove struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// envUpdate has files read again; parts are those that may have changed, none: all.
func (r *runner) envUpdate(c *cli.Context, ref *message.EnvRef, parts []string, asJSON bool) error {
	return r.withServer(c, func(svc Service) error {
		answer, err := await(c.Context, r, 0, func(ctx context.Context) (*message.EnvUpdated, error) {
			return svc.EnvUpdate(ctx, &message.EnvUpdate{Env: ref, Parts: parts})
		})
		if errors.Is(err, errInterrupted) {
			return &argv.Failure{Code: exitInterrupted, Err: errors.New("interrupted before the server answered"),
				Hint: "it goes on reading: kadeploy env list shows the next version when it is there"}
		}
		if err != nil {
			return err
		}
		e, changes := newEnvironment(answer.GetEnv()), []fileChange{}
		for _, f := range answer.GetChanges() {
			changes = append(changes, fileChange{wording.Clean(f.GetPart()), wording.Clean(f.GetPath()), wording.Clean(f.GetWas()), wording.Clean(f.GetNow())})
		}
		if asJSON {
			return r.writeJSON(map[string]any{"environment": e, "changes": changes})
		}
		if len(changes) == 0 {
			fmt.Fprintf(r.Stdout, "%s is as it was: none of its files has changed\n", e)
			return nil
		}
		for _, f := range changes {
			fmt.Fprintf(r.Stdout, "%s %s: sha256 was %s and is %s\n", f.Part, f.Path, f.Was, f.Now)
		}
		fmt.Fprintf(r.Stdout, "%s is in the catalogue, %s\n", e, e.Visibility)
		return nil
	})
}

// envSet changes the visibility, unless it is "", and the tag, unless destructive is nil.
func (r *runner) envSet(c *cli.Context, want *message.EnvSet, asJSON bool) error {
	return r.withServer(c, func(svc Service) error { return r.envSetBy(c, svc, want, asJSON) })
}

func (r *runner) envSetBy(c *cli.Context, svc Service, want *message.EnvSet, asJSON bool) error {
	answer, err := await(c.Context, r, 0, func(ctx context.Context) (*message.Envs, error) { return svc.EnvSet(ctx, want) })
	if err != nil {
		return err
	}
	changed := []environment{}
	for _, m := range answer.GetEnvironments() {
		changed = append(changed, newEnvironment(m))
	}
	if asJSON {
		return r.writeJSON(map[string]any{"changed": changed})
	}
	for _, e := range changed {
		text := fmt.Sprintf("%s is %s", e, e.Visibility)
		switch {
		case want.Destructive != nil && want.GetDestructive():
			text += ", and tagged destructive"
		case want.Destructive != nil:
			text += ", and not tagged destructive"
		}
		fmt.Fprintln(r.Stdout, text)
	}
	return nil
}

// envToggle gives the tag that the environment does not have. With every version, the newest one decides. What is sent says the tag and
// not "the other one": a request that is sent twice must be one.
func (r *runner) envToggle(c *cli.Context, ref *message.EnvRef, allVersions, asJSON bool) error {
	return r.withServer(c, func(svc Service) error {
		shown, err := await(c.Context, r, 0, func(ctx context.Context) (*message.Env, error) { return svc.EnvShow(ctx, ref) })
		if err != nil {
			return err
		}
		path := catalogue.Environment{Name: shown.GetName(), Version: int(shown.GetVersion()), Format: shown.GetFormat()}.Path()
		env, problems := config.ParseEnvironment(shown.GetText(), path)
		if problems.HasErrors() {
			return fmt.Errorf("the description that the catalogue has cannot be read: %w", problems)
		}
		tag, version := !env.Destructive, shown.GetVersion()
		want := &message.EnvSet{Env: &message.EnvRef{Name: ref.GetName(), User: ref.GetUser(), Version: &version}, AllVersions: allVersions, Destructive: &tag}
		return r.envSetBy(c, svc, want, asJSON)
	})
}

// envMove gives files other places; one that could not be moved is a partial success.
func (r *runner) envMove(c *cli.Context, words []string, dryRun, asJSON bool) error {
	var moves []*message.PathMove
	for _, word := range words {
		m, err := catalogue.ParseMove(word)
		if err != nil {
			return usage(c.Command.Name, "%w", err)
		}
		moves = append(moves, &message.PathMove{From: m.From, To: m.To})
	}
	return r.withServer(c, func(svc Service) error {
		answer, err := await(c.Context, r, 0, func(ctx context.Context) (*message.EnvMoves, error) { return svc.EnvMove(ctx, moves, dryRun) })
		if err != nil {
			return err
		}
		moved := newEnvMoved(answer)
		if asJSON {
			err = r.writeJSON(map[string]any{"dry_run": dryRun, "environments": moved})
		} else {
			r.sayMoved(moved, dryRun)
		}
		if err == nil && slices.ContainsFunc(moved, func(m envMoved) bool { return m.Problem != "" }) {
			return &argv.Failure{Code: exitPartial}
		}
		return err
	})
}

func newEnvMoved(answer *message.EnvMoves) []envMoved {
	clean := wording.Clean
	moved := []envMoved{}
	for _, m := range answer.GetEnvironments() {
		e := envMoved{clean(m.GetName()), m.GetVersion(), clean(m.GetUser()), []pathMove{}, clean(m.GetProblem())}
		for _, f := range m.GetFiles() {
			e.Files = append(e.Files, pathMove{clean(f.GetFrom()), clean(f.GetTo())})
		}
		moved = append(moved, e)
	}
	return moved
}

func (r *runner) sayMoved(moved []envMoved, dryRun bool) {
	if len(moved) == 0 {
		fmt.Fprintln(r.Stdout, "no environment has such a file")
	}
	verb := "is now"
	if dryRun {
		verb = "would be"
	}
	for _, e := range moved {
		if e.Problem != "" {
			fmt.Fprintf(r.Stdout, "%s:%d of %s stays as it is: %s\n", e.Name, e.Version, e.User, e.Problem)
			continue
		}
		for _, f := range e.Files {
			fmt.Fprintf(r.Stdout, "%s:%d of %s: %s %s %s\n", e.Name, e.Version, e.User, f.From, verb, f.To)
		}
	}
}
