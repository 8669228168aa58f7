package actors

import (
	"context"
	"errors"
	"fmt"

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
