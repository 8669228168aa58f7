package client

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/catalogue"
)

// reading is how long the server may take to read an image whole when ctx has no deadline.
const reading = 2 * time.Hour

// EnvAdd puts an environment into the catalogue and returns it as it is then. Files that the server may not read are brought to
// it as by Submit. It returns when the image was read whole, or when 2 hours are over and ctx has no deadline of its own.
func (c *Client) EnvAdd(ctx context.Context, r *message.EnvAdd) (*message.Env, error) {
	submit := func(ctx context.Context, carried *message.Submit) (proto.Message, error) {
		r := proto.CloneOf(r)
		r.ClientId, r.Uploads = newID(), carried.GetUploads()
		ctx, cancel := withReading(ctx)
		defer cancel()
		return c.call(ctx, r.ClientId, r)
	}
	carried := &message.Submit{Environment: r.GetEnvironment(), EnvironmentPath: r.GetEnvironmentPath()}
	return answer[*message.Env](delivery{submit, c.uploader, c.uploading}.do(ctx, carried))
}

// EnvUpdate has the files of the newest version of an environment read again, and returns what has changed and the next version, which
// has that. Files that were uploaded are brought again from where the description names them. It waits as EnvAdd does.
func (c *Client) EnvUpdate(ctx context.Context, r *message.EnvUpdate) (*message.EnvUpdated, error) {
	submit := func(ctx context.Context, carried *message.Submit) (proto.Message, error) {
		r := proto.CloneOf(r)
		r.ClientId, r.Uploads = newID(), carried.GetUploads()
		ctx, cancel := withReading(ctx)
		defer cancel()
		return c.call(ctx, r.ClientId, r)
	}
	shown, err := c.EnvShow(ctx, r.GetEnv()) // only what its description names is brought
	if err != nil {
		return nil, err
	}
	path := catalogue.Environment{Name: shown.GetName(), Version: int(shown.GetVersion()), Format: shown.GetFormat()}.Path()
	carried := &message.Submit{Environment: shown.GetText(), EnvironmentPath: path}
	return answer[*message.EnvUpdated](delivery{submit, c.uploader, c.uploading}.do(ctx, carried))
}

// EnvSet changes the visibility or the destructive tag of an environment, or of all its versions, and returns what was changed.
func (c *Client) EnvSet(ctx context.Context, r *message.EnvSet) (*message.Envs, error) {
	r = proto.CloneOf(r)
	r.ClientId = newID()
	return answer[*message.Envs](c.call(ctx, r.ClientId, r))
}

// EnvMove gives files of all environments other places. For admins.
func (c *Client) EnvMove(ctx context.Context, moves []*message.PathMove, dryRun bool) (*message.EnvMoves, error) {
	r := &message.EnvMove{ClientId: newID(), Moves: moves, DryRun: dryRun}
	return answer[*message.EnvMoves](c.call(ctx, r.ClientId, r))
}

// EnvList returns the environments whose names match a pattern ("": all) of a user ("": one's own and the public ones), the newest
// version of each or all of them. Their texts are left out.
func (c *Client) EnvList(ctx context.Context, pattern, user string, allVersions bool) (*message.Envs, error) {
	r := &message.EnvList{ClientId: newID(), Pattern: pattern, User: user, AllVersions: allVersions}
	return answer[*message.Envs](c.call(ctx, r.ClientId, r))
}

// EnvShow returns one environment with its description's text.
func (c *Client) EnvShow(ctx context.Context, ref *message.EnvRef) (*message.Env, error) {
	r := &message.EnvShow{ClientId: newID(), Env: ref}
	return answer[*message.Env](c.call(ctx, r.ClientId, r))
}

// EnvRemove takes an environment, or all versions of it, out of the catalogue, and returns what is gone.
func (c *Client) EnvRemove(ctx context.Context, ref *message.EnvRef, allVersions bool) (*message.Envs, error) {
	r := &message.EnvRemove{ClientId: newID(), Env: ref, AllVersions: allVersions}
	return answer[*message.Envs](c.call(ctx, r.ClientId, r))
}

// EnvVerify lets the server read all files of an environment again, and returns it when they are what they were; else the error
// is a *RefusedError that says which is not. It waits as EnvAdd does.
func (c *Client) EnvVerify(ctx context.Context, ref *message.EnvRef) (*message.Env, error) {
	r := &message.EnvVerify{ClientId: newID(), Env: ref}
	ctx, cancel := withReading(ctx)
	defer cancel()
	return answer[*message.Env](c.call(ctx, r.ClientId, r))
}

func withReading(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, reading)
}
