package actors

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/catalogue"
)

func (c *cataloguer) list(by catalogue.Asker, r *message.EnvList) (proto.Message, error) {
	found, err := c.shelf.now.Load().List(by, catalogue.Filter{Pattern: r.GetPattern(), Owner: r.GetUser(), AllVersions: r.GetAllVersions()})
	if err != nil {
		return nil, err
	}
	return envsMessage(r.GetClientId(), found)
}

func (c *cataloguer) show(by catalogue.Asker, r *message.EnvShow) (proto.Message, error) {
	e, err := c.shelf.now.Load().Find(by, queryOf(r.GetEnv()))
	if err != nil {
		return nil, err
	}
	m := envMessage(e)
	m.ClientId, m.Text = r.GetClientId(), e.Text
	return m, nil
}

// add examines the description before it changes anything.
func (c *cataloguer) add(ctx context.Context, by catalogue.Asker, r *message.EnvAdd) (proto.Message, error) {
	t, err := c.examiner.find(c.shelf.now.Load(), by, r)
	if err != nil {
		return nil, err
	}
	defer t.drop()
	e, err := c.examiner.read(ctx, t)
	if err != nil {
		return nil, err
	}
	if e, err = c.shelf.add(ctx, ownerAsked(by, e), e, t.versioned); err != nil {
		return nil, err
	}
	c.log.Info("environment added", "environment", e.String(), "visibility", e.Visibility, "image", e.Image().SHA256, "by", by.User)
	m := envMessage(e)
	m.ClientId = r.GetClientId()
	return m, nil
}

func (c *cataloguer) remove(ctx context.Context, by catalogue.Asker, r *message.EnvRemove) (proto.Message, error) {
	q := queryOf(r.GetEnv())
	if r.GetAllVersions() {
		q.Version = catalogue.All
	}
	gone, err := c.shelf.remove(ctx, by, q)
	if err != nil {
		return nil, err
	}
	for _, e := range gone {
		c.log.Info("environment removed", "environment", e.String(), "by", by.User)
	}
	return envsMessage(r.GetClientId(), gone)
}

// verify reads everything that an environment needs again, to its end, and holds it against what it was.
func (c *cataloguer) verify(ctx context.Context, by catalogue.Asker, r *message.EnvVerify) (proto.Message, error) {
	e, err := c.shelf.now.Load().Find(by, queryOf(r.GetEnv()))
	if err != nil {
		return nil, err
	}
	if err := c.examiner.verify(ctx, e); err != nil {
		return nil, err
	}
	m := envMessage(e)
	m.ClientId = r.GetClientId()
	return m, nil
}

func queryOf(r *message.EnvRef) catalogue.Query {
	q := catalogue.Query{Name: r.GetName(), Owner: r.GetUser(), Version: catalogue.Newest}
	if r != nil && r.Version != nil {
		q.Version = int(r.GetVersion())
	}
	return q
}

func envMessage(e catalogue.Environment) *message.Env {
	image := e.Image()
	return &message.Env{
		Name: e.Name, Version: uint32(e.Version), User: e.Owner, Visibility: e.Visibility, Description: e.Description, Os: e.OS,
		Image: image.Path, ImageDigest: image.SHA256, ImageSize: uint64(image.Size), Format: e.Format, Added: timestamppb.New(e.Added),
	}
}

func envsMessage(clientID string, list []catalogue.Environment) (proto.Message, error) {
	m := &message.Envs{ClientId: clientID}
	for _, e := range list {
		m.Environments = append(m.Environments, envMessage(e))
	}
	if proto.Size(m) > maxAnswer {
		return nil, errors.New("more environments than one answer holds: name a pattern, or a user")
	}
	return m, nil
}
