package actors

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/catalogue"
)

// lookTime bounds how long one request looks at files at URLs: a server that is silent would be waited for once an environment.
const lookTime = 5 * time.Minute

var errLookTime = errors.New("it was not looked at: others took all the time; move fewer files at once")

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
	looking, stop := context.WithTimeoutCause(ctx, lookTime, errLookTime)
	defer stop()
	for _, e := range c.shelf.now.Load().Concerned(withShown(moves)) {
		now, files, err := c.examiner.moved(looking, e, moves)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		told := &message.EnvMoved{Name: e.Name, Version: uint32(e.Version), User: e.Owner, Files: files}
		switch {
		case err != nil:
			told.Problem = line(err.Error())
		case len(files) == 0: // only the query of a URL is another
			continue
		default:
			changes = append(changes, catalogue.Change{Was: e, Now: now})
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

// withShown are moves and, of URLs, also what the catalogue shows of them: it finds the environments that may be concerned.
func withShown(moves []catalogue.Move) []catalogue.Move {
	all := slices.Clone(moves)
	for _, m := range moves {
		all = append(all, catalogue.Move{From: shown(m.From), To: m.To})
	}
	return all
}

// moved is an environment whose files have other places, where they were found, and what has moved.
func (x examiner) moved(ctx context.Context, e catalogue.Environment, moves []catalogue.Move) (catalogue.Environment, []*message.PathMove, error) {
	files, moved, err := places(e, moves)
	if err != nil || len(moved) == 0 {
		return e, moved, err
	}
	now := e
	now.Files = files
	edit := config.EnvironmentEdit{File: func(path string) string { return e.Moved(path, moves) }}
	if now.Text, _, err = config.EditEnvironment(e.Text, e.Path(), edit); err != nil {
		return e, moved, err
	}
	t, err := x.again(now)
	var needs *needsFilesError
	switch {
	case errors.As(err, &needs):
		return e, moved, fmt.Errorf("%s is not at the server, or %s may not name it: see the image_roots of the site", needs.files[0], e.Owner)
	case err != nil:
		return e, moved, err
	}
	defer t.drop()
	return now, moved, x.sources.asLong(ctx, t.job, files)
}

// places are the files of an environment after moves, and those of them that have moved. Where a file is, its description says; the
// catalogue keeps beside it what is shown of that. A URL that would move as it is shown, and does not as it is written, is an error.
func places(e catalogue.Environment, moves []catalogue.Move) (files []catalogue.File, moved []*message.PathMove, err error) {
	env, err := parseEntry(e)
	if err != nil {
		return nil, nil, err
	}
	files = slices.Clone(e.Files)
	written := env.Files()
	for i := range min(len(files), len(written)) {
		was, now := files[i].Path, e.Moved(written[i], moves)
		switch {
		case now != written[i]:
			files[i].Path = shown(now)
			moved = append(moved, &message.PathMove{From: was, To: shown(now)})
		case e.Moved(was, moves) != was:
			err = fmt.Errorf("its description writes %s in another way: move it as kadeploy env show has it", was)
		}
	}
	return files, moved, err
}

// asLong compares the lengths of the files of a job with what they were. What is at URLs is asked for, and not fetched.
func (s sources) asLong(ctx context.Context, j *job, files []catalogue.File) error {
	at := 0
	for what, path := range j.files() {
		if at == len(files) {
			return nil
		}
		was := files[at]
		at++
		size, err := s.length(ctx, *path)
		if err != nil {
			return j.worded(err)
		}
		if was.SHA256 != "" && size != was.Size {
			return fmt.Errorf("%s %s has %d bytes, and not the %d that it had when the environment was added", what, j.shown(*path), size, was.Size)
		}
	}
	return nil
}

// length is that of a file, in bytes.
func (s sources) length(ctx context.Context, path string) (int64, error) {
	switch {
	case !isURL(path):
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	case s.cache == nil:
		return 0, fmt.Errorf("%s: this server fetches no URLs", shown(path))
	}
	return s.cache.Length(ctx, path)
}
