package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/catalogue"
)

// The parts of an environment that its files belong to.
const (
	partImage        = "image"
	partPreinstall   = "preinstall"
	partPostinstalls = "postinstalls"
)

// update reads the files of the newest version again. What they are now is the next version: a version that is there always means the
// same files.
func (c *cataloguer) update(ctx context.Context, by catalogue.Asker, r *message.EnvUpdate) (proto.Message, error) {
	for _, part := range r.GetParts() {
		if part != partImage && part != partPreinstall && part != partPostinstalls {
			return nil, fmt.Errorf("unknown part %.30q (known: image, preinstall, postinstalls)", part)
		}
	}
	was, err := c.shelf.now.Load().NewestOwned(by, queryOf(r.GetEnv()), "updated")
	if err != nil {
		return nil, err
	}
	x := c.examiner
	x.sources.again = true
	t, err := x.anew(c.shelf.now.Load(), by, was, r.GetUploads())
	if err != nil {
		return nil, err
	}
	defer t.drop()
	e, err := x.read(ctx, t)
	if err != nil {
		return nil, err
	}
	changes, err := t.job.changes(was, e, r.GetParts())
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		return updatedMessage(r.GetClientId(), was, nil), nil
	}
	edit := config.EnvironmentEdit{Version: &e.Version}
	if was.Image().SHA256 != e.Image().SHA256 {
		edit.SHA256 = e.Image().SHA256
	}
	if e.Text, _, err = config.EditEnvironment(e.Text, e.Path(), edit); err != nil {
		return nil, fmt.Errorf("%s: %w", was, err)
	}
	var exists *catalogue.ExistsError
	switch e, err = c.shelf.add(ctx, ownerAsked(by, was), e, true); {
	case errors.As(err, &exists):
		return nil, catalogue.ErrOutdated
	case err != nil:
		return nil, err
	}
	c.log.Info("environment updated", "environment", e.String(), "image", e.Image().SHA256, "by", by.User)
	return updatedMessage(r.GetClientId(), e, changes), nil
}

// anew finds the files of an environment as if its owner added it again, as the next version. What the description says of its image's
// digest is what the image was.
func (x examiner) anew(c *catalogue.Catalogue, by catalogue.Asker, was catalogue.Environment, uploaded []*message.UploadedFile) (*examined, error) {
	env, err := parseEntry(was)
	if err != nil {
		return nil, err
	}
	env.Image.SHA256, env.Image.MD5 = "", ""
	e := was
	e.Version, e.Added = was.Version+1, time.Now()
	if _, _, err := c.Add(ownerAsked(by, was), e, true); err != nil { // what would be refused after an hour of reading is now
		return nil, err
	}
	t, err := x.owned(by, e, uploaded)
	if err != nil {
		return nil, err
	}
	t.versioned = true
	return t, x.resolveFor(by, t, env, "update")
}

// changes are the files that are not what they were. One that is of no part that was asked for is an error: the next version could not
// be deployed without it, and it may not be meant.
func (j *job) changes(was, now catalogue.Environment, asked []string) ([]*message.FileChange, error) {
	var changes []*message.FileChange
	at := 0
	for what := range j.files() {
		part := what
		if what == "postinstall" {
			part = partPostinstalls
		}
		var before catalogue.File
		if at < len(was.Files) {
			before = was.Files[at]
		}
		after := now.Files[at]
		at++
		if before.SHA256 == after.SHA256 {
			continue
		}
		if len(asked) > 0 && !slices.Contains(asked, part) {
			return nil, fmt.Errorf("%s %s has changed, too, and only %s was to be updated: nothing was changed; update both, or put the file back",
				what, after.Path, strings.Join(asked, " and "))
		}
		changes = append(changes, &message.FileChange{Part: part, Path: after.Path, Was: before.SHA256, Now: after.SHA256})
	}
	return changes, nil
}

func updatedMessage(clientID string, e catalogue.Environment, changes []*message.FileChange) *message.EnvUpdated {
	return &message.EnvUpdated{ClientId: clientID, Env: envMessage(e), Changes: changes}
}
