package client

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/actors/message"
)

// RightsAdd gives a user nodes and returns all that he has then, and what others lost. A node that another user holds is a
// *RefusedError with the code BUSY, unless r.Overwrite takes it from him: his operations there are ended. For admins.
func (c *Client) RightsAdd(ctx context.Context, r *message.RightsAdd) (*message.Rights, error) {
	r = proto.CloneOf(r)
	r.ClientId = newID()
	return answer[*message.Rights](c.call(ctx, r.ClientId, r))
}

// RightsDel takes nodes from a user and returns what is left; his operations there are ended. For admins.
func (c *Client) RightsDel(ctx context.Context, r *message.RightsDel) (*message.Rights, error) {
	r = proto.CloneOf(r)
	r.ClientId = newID()
	return answer[*message.Rights](c.call(ctx, r.ClientId, r))
}

// RightsList returns the rights of a user, with what everybody has; "": of all users, and for who is no admin his own. Patterns
// of nodes choose among them; none: all.
func (c *Client) RightsList(ctx context.Context, user string, nodes []string) (*message.Rights, error) {
	r := &message.RightsList{ClientId: newID(), User: user, Nodes: nodes}
	return answer[*message.Rights](c.call(ctx, r.ClientId, r))
}

// UserAdd enrols a user and returns the token that he logs in with, once, within so long (0: the server's choice). For one who
// is enrolled it makes another token. For admins.
func (c *Client) UserAdd(ctx context.Context, name string, admin bool, life time.Duration) (*message.UserToken, error) {
	r := &message.UserAdd{ClientId: newID(), Name: name, Admin: admin}
	if life > 0 {
		r.Life = durationpb.New(life)
	}
	return answer[*message.UserToken](c.call(ctx, r.ClientId, r))
}

// UserDel forgets a user with all rights, ends his operations and makes his certificates worthless. For admins.
func (c *Client) UserDel(ctx context.Context, name string) error {
	r := &message.UserDel{ClientId: newID(), Name: name}
	_, err := c.call(ctx, r.ClientId, r)
	return err
}

// UserList returns the enrolled users. For admins.
func (c *Client) UserList(ctx context.Context) (*message.Users, error) {
	r := &message.UserList{ClientId: newID()}
	return answer[*message.Users](c.call(ctx, r.ClientId, r))
}
