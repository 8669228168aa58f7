package command

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/wording"
)

// environment is one of the catalogue in the JSON of kadeploy env.
type environment struct {
	Name        string `json:"name"`
	Version     uint32 `json:"version"`
	User        string `json:"user"`
	Visibility  string `json:"visibility"`
	Description string `json:"description"`
	OS          string `json:"os"`
	Image       string `json:"image"`
	SHA256      string `json:"sha256"`
	Size        uint64 `json:"size"` // bytes of the image
	Format      string `json:"format"`
	Added       string `json:"added"` // RFC 3339
	Text        string `json:"text,omitempty"`
}

func newEnvironment(m *message.Env) environment {
	clean := wording.Clean
	return environment{
		clean(m.GetName()), m.GetVersion(), clean(m.GetUser()), clean(m.GetVisibility()), clean(m.GetDescription()), clean(m.GetOs()),
		clean(m.GetImage()), clean(m.GetImageDigest()), m.GetImageSize(), clean(m.GetFormat()), rfc3339(m.GetAdded()), string(m.GetText()),
	}
}

func (e environment) String() string { return fmt.Sprintf("%s:%d of %s", e.Name, e.Version, e.User) }

// envSaid writes one line about one environment.
func (r *runner) envSaid(m *message.Env, asJSON bool, what string) error {
	e := newEnvironment(m)
	if asJSON {
		return r.writeJSON(e)
	}
	fmt.Fprintf(r.Stdout, "%s %s\n", e, what)
	return nil
}

func (r *runner) envList(c *cli.Context, pattern, user string, allVersions, asJSON bool) error {
	return r.withServer(c, func(svc Service) error {
		answer, err := await(c.Context, r, 0, func(ctx context.Context) (*message.Envs, error) {
			return svc.EnvList(ctx, pattern, user, allVersions)
		})
		if err != nil {
			return err
		}
		list := []environment{}
		rows := [][]string{{"NAME", "VERSION", "USER", "VISIBILITY", "ADDED", "DESCRIPTION"}}
		for _, m := range answer.GetEnvironments() {
			e := newEnvironment(m)
			list = append(list, e)
			rows = append(rows, []string{e.Name, fmt.Sprint(e.Version), e.User, e.Visibility, local(e.Added), e.Description})
		}
		switch {
		case asJSON:
			return r.writeJSON(map[string]any{"environments": list})
		case len(list) == 0:
			fmt.Fprintln(r.Stdout, "no environments")
		default:
			wording.Table(r.Stdout, rows)
		}
		return nil
	})
}

// envShow writes the description as it is, so that it can be saved and added again.
func (r *runner) envShow(c *cli.Context, ref *message.EnvRef, asJSON bool) error {
	return r.withServer(c, func(svc Service) error {
		m, err := await(c.Context, r, 0, func(ctx context.Context) (*message.Env, error) { return svc.EnvShow(ctx, ref) })
		if err != nil {
			return err
		}
		if asJSON {
			return r.writeJSON(newEnvironment(m))
		}
		_, err = r.Stdout.Write(m.GetText())
		return err
	})
}

func (r *runner) envRemove(c *cli.Context, ref *message.EnvRef, allVersions, asJSON bool) error {
	return r.withServer(c, func(svc Service) error {
		answer, err := await(c.Context, r, 0, func(ctx context.Context) (*message.Envs, error) { return svc.EnvRemove(ctx, ref, allVersions) })
		if err != nil {
			return err
		}
		gone := []environment{}
		for _, m := range answer.GetEnvironments() {
			gone = append(gone, newEnvironment(m))
		}
		if asJSON {
			return r.writeJSON(map[string]any{"removed": gone})
		}
		for _, e := range gone {
			fmt.Fprintf(r.Stdout, "%s is removed\n", e)
		}
		return nil
	})
}
