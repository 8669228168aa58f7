package actors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/catalogue"
	"github.com/kadeploy/kadeploy/internal/depot"
	"github.com/kadeploy/kadeploy/internal/rights"
)

// examiner reads descriptions and the files that they name as a deployment would, without nodes.
type examiner struct {
	inForce *snapshot
	sources sources
	ledger  *ledger
}

// examined is an environment with its files found. They are held until its job, which never runs, is dropped.
type examined struct {
	entry     catalogue.Environment
	versioned bool // its description says its version
	job       *job
	access    fileAccess
}

// find reads a description that is to be added, and finds its files. What can be refused without reading them is.
func (x examiner) find(c *catalogue.Catalogue, by catalogue.Asker, r *message.EnvAdd) (*examined, error) {
	if n := len(r.GetEnvironment()); n > maxDescription {
		return nil, fmt.Errorf("%s: a description has at most %d bytes, this one has %d", r.GetEnvironmentPath(), maxDescription, n)
	}
	text, env, problems := config.AbsoluteEnvironment(r.GetEnvironment(), r.GetEnvironmentPath())
	if problems.HasErrors() {
		return nil, errors.New(strings.ReplaceAll(problems.Error(), "\n", "; "))
	}
	owner, err := onBehalf(by, r.GetUser())
	if err != nil {
		return nil, err
	}
	e := catalogue.Environment{
		Name: env.Name, Version: env.Version, Owner: owner.User, Visibility: cmp.Or(r.GetVisibility(), env.Visibility),
		Description: line(env.Description), OS: env.OS, Format: env.Format, Text: text, Added: time.Now(),
	}
	if err := catalogue.CheckText(text); err != nil {
		return nil, fmt.Errorf("%s: %w", r.GetEnvironmentPath(), err)
	}
	if _, _, err := c.Add(owner, e, env.Versioned); err != nil { // what would be refused after an hour of reading is now
		return nil, err
	}
	t, err := x.owned(by, e, r.GetUploads())
	if err != nil {
		return nil, err
	}
	t.versioned = env.Versioned
	return t, x.resolveFor(by, t, env, "add")
}

// onBehalf is who owns what somebody adds: himself, or whom an admin names.
func onBehalf(by catalogue.Asker, owner string) (catalogue.Asker, error) {
	if owner == "" || owner == by.User {
		return by, nil
	}
	if !by.Admin {
		return by, &catalogue.ForbiddenError{Text: "environments of others are added by admins"}
	}
	return ownerAsked(by, catalogue.Environment{Owner: owner}), rights.CheckName(owner)
}

// ownerAsked is the owner of an environment, who may do what who asks may: it stays his.
func ownerAsked(by catalogue.Asker, e catalogue.Environment) catalogue.Asker {
	return catalogue.Asker{User: e.Owner, Admin: by.Admin}
}

// owned is an environment whose files are to be found with the rights of its owner, as when it is deployed. Uploads are of who asks: in
// the environment of another they are of no use.
func (x examiner) owned(by catalogue.Asker, e catalogue.Environment, uploaded []*message.UploadedFile) (*examined, error) {
	uploads, err := uploadsOf(uploaded)
	if by.User != e.Owner {
		uploads = nil
	}
	return &examined{entry: e, access: x.sources.access(e.Owner, x.ledger.admin(e.Owner), uploads)}, err
}

// resolveFor is resolve, and asks nobody to upload files for another.
func (x examiner) resolveFor(by catalogue.Asker, t *examined, env *config.Environment, verb string) error {
	err := x.resolve(t, env)
	var needs *needsFilesError
	if owner := t.entry.Owner; errors.As(err, &needs) && by.User != owner {
		return fmt.Errorf("%s is not at the server, or %s may not name it: he may %s it himself", needs.files[0], owner, verb)
	}
	return err
}

// again finds the files of an environment of the catalogue.
func (x examiner) again(e catalogue.Environment) (*examined, error) {
	env, err := parseEntry(e)
	if err != nil {
		return nil, err
	}
	t := &examined{entry: e, access: x.sources.accessOf(e, x.ledger)}
	return t, x.resolve(t, env)
}

// resolve makes the job, and holds its files unless there is an error.
func (x examiner) resolve(t *examined, env *config.Environment) error {
	s := x.inForce.Load()
	t.job = &job{
		id: "E-" + uuid.NewString()[:8], request: &message.Submit{User: t.entry.Owner, Environment: t.entry.Text}, env: env,
		maxPre: s.Global.MaxPreinstall, maxPost: s.Global.MaxPostinstall,
	}
	t.access.holds.begin(t.job.id)
	err := t.job.resolve(s, t.access)
	if err != nil {
		t.drop()
	}
	return err
}

func (t *examined) drop() { t.access.holds.drop(t.job.id) }

// read reads all files to their ends, and returns the entry with what they are.
func (x examiner) read(ctx context.Context, t *examined) (catalogue.Environment, error) {
	if err := x.sources.prepare(ctx, t.job, func(string) {}); err != nil {
		return t.entry, err
	}
	var err error
	t.entry.Files, err = t.job.sums(ctx)
	for i, f := range t.entry.Files {
		_, t.entry.Files[i].Uploaded = t.access.uploads[f.Path]
	}
	return t.entry, err
}

// verify reads all files of an environment again, whether or not they were read before, and holds them against what they were.
func (x examiner) verify(ctx context.Context, e catalogue.Environment) error {
	x.sources.again = true
	t, err := x.again(e)
	if err != nil {
		return err
	}
	defer t.drop()
	t.job.entry = &e
	return x.sources.prepare(ctx, t.job, func(string) {})
}

// accessOf is what the files of an environment of the catalogue are found with: whoever deploys it, they are those that its
// owner may name.
func (s sources) accessOf(e catalogue.Environment, l *ledger) fileAccess {
	uploads := make(map[string]depot.Digest)
	for _, f := range e.Files {
		if digest, err := depot.ParseDigest(f.SHA256); f.Uploaded && err == nil {
			uploads[f.Path] = digest
		}
	}
	return s.access(e.Owner, l.admin(e.Owner), uploads)
}

// parseEntry reads the description of an environment of the catalogue. Its version is the catalogue's.
func parseEntry(e catalogue.Environment) (*config.Environment, error) {
	env, problems := config.ParseEnvironment(e.Text, e.Path())
	if problems.HasErrors() {
		return nil, errors.New(strings.ReplaceAll(problems.Error(), "\n", "; "))
	}
	env.Version = e.Version
	return env, nil
}
