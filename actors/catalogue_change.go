package actors

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/catalogue"
)

// set changes who may use environments, and their tag. What a version deploys stays what it was.
func (c *cataloguer) set(ctx context.Context, by catalogue.Asker, r *message.EnvSet) (proto.Message, error) {
	if r.GetVisibility() == "" && r.Destructive == nil {
		return nil, errors.New("nothing to set: give a visibility, or the destructive tag")
	}
	q := queryOf(r.GetEnv())
	if r.GetAllVersions() {
		q.Version = catalogue.All
	}
	found, err := c.shelf.now.Load().Owned(by, q, "changed")
	if err != nil {
		return nil, err
	}
	var changes []catalogue.Change
	var now []catalogue.Environment
	for _, e := range found {
		changed, err := tagged(by, e, r)
		if err != nil {
			return nil, err
		}
		changes, now = append(changes, catalogue.Change{Was: e, Now: changed}), append(now, changed)
	}
	if err := c.shelf.replace(ctx, changes); err != nil {
		return nil, err
	}
	for _, e := range now {
		c.log.Info("environment changed", "environment", e.String(), "visibility", e.Visibility, "by", by.User)
	}
	return envsMessage(r.GetClientId(), now)
}

func tagged(by catalogue.Asker, e catalogue.Environment, r *message.EnvSet) (catalogue.Environment, error) {
	var err error
	if r.GetVisibility() != "" {
		if e, err = e.Visible(by, r.GetVisibility()); err != nil {
			return e, err
		}
	}
	if r.Destructive != nil {
		if e.Text, _, err = config.EditEnvironment(e.Text, e.Path(), config.EnvironmentEdit{Destructive: r.Destructive}); err != nil {
			return e, fmt.Errorf("%s: %w", e, err)
		}
	}
	return e, nil
}

// move gives files other places. It does not move them: they are there already, found with the rights of the environments' owners, and
// as long as they were; whether they are the same is seen, as always, before they are deployed.
func (c *cataloguer) move(ctx context.Context, by catalogue.Asker, r *message.EnvMove) (proto.Message, error) {
	if !by.Admin {
		return nil, &catalogue.ForbiddenError{Text: "files of the catalogue are moved by admins"}
	}
	var moves []catalogue.Move
	for _, m := range r.GetMoves() {
		moves = append(moves, catalogue.Move{From: m.GetFrom(), To: m.GetTo()})
	}
	if err := catalogue.CheckMoves(moves); err != nil {
		return nil, err
	}
	var changes []catalogue.Change
	answer := &message.EnvMoves{ClientId: r.GetClientId()}
	for _, e := range c.shelf.now.Load().Concerned(moves) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		told := &message.EnvMoved{Name: e.Name, Version: uint32(e.Version), User: e.Owner}
		now, err := c.examiner.moved(e, moves)
		if err != nil {
			told.Problem = line(err.Error())
		} else {
			changes = append(changes, catalogue.Change{Was: e, Now: now})
		}
		for _, f := range e.Files {
			if to := e.Moved(f.Path, moves); to != f.Path {
				told.Files = append(told.Files, &message.PathMove{From: f.Path, To: to})
			}
		}
		answer.Environments = append(answer.Environments, told)
	}
	if proto.Size(answer) > maxAnswer {
		return nil, errors.New("more environments than one answer holds: move fewer files at once")
	}
	if r.GetDryRun() || len(changes) == 0 {
		return answer, nil
	}
	if err := c.shelf.replace(ctx, changes); err != nil {
		return nil, err
	}
	for _, change := range changes {
		c.log.Info("files of an environment have another place", "environment", change.Now.String(), "image", change.Now.Image().Path, "by", by.User)
	}
	return answer, nil
}

// moved is an environment whose files have other places, where they were found.
func (x examiner) moved(e catalogue.Environment, moves []catalogue.Move) (catalogue.Environment, error) {
	to := func(path string) string { return e.Moved(path, moves) }
	text, _, err := config.EditEnvironment(e.Text, e.Path(), config.EnvironmentEdit{File: to})
	if err != nil {
		return e, err
	}
	now := e
	now.Text, now.Files = text, slices.Clone(e.Files)
	for i, f := range e.Files {
		now.Files[i].Path = to(f.Path)
	}
	t, err := x.again(now)
	var needs *needsFilesError
	switch {
	case errors.As(err, &needs):
		return e, fmt.Errorf("%s is not at the server, or %s may not name it: see the image_roots of the site", needs.files[0], e.Owner)
	case err != nil:
		return e, err
	}
	defer t.drop()
	return now, t.job.asLong(now.Files)
}

// asLong compares the lengths of the files of the server with what they were.
func (j *job) asLong(files []catalogue.File) error {
	at := 0
	for what, path := range j.files() {
		if at == len(files) {
			return nil
		}
		was := files[at]
		at++
		if isURL(*path) {
			continue
		}
		info, err := os.Stat(*path)
		if err != nil {
			return j.worded(err)
		}
		if was.SHA256 != "" && info.Size() != was.Size {
			return fmt.Errorf("%s %s has %d bytes, and not the %d that it had when the environment was added", what, j.shown(*path), info.Size(), was.Size)
		}
	}
	return nil
}
