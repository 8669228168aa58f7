package client

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
)

// Submit asks for an operation and returns its id. The request is completed with the client's user, an id and a deadline.
//
// Files that the description names and the server may not read are brought to it by Config.Uploader, and the request is sent
// again. That may take long: give ctx a deadline only if it covers it. Nothing but what the description names is ever read.
func (c *Client) Submit(ctx context.Context, req *message.Submit) (string, error) {
	submit := func(ctx context.Context, r *message.Submit) (proto.Message, error) { return c.submit(ctx, r, false) }
	a, err := delivery{submit, c.uploader, c.uploading}.do(ctx, req)
	if err != nil {
		return "", err
	}
	accepted, ok := a.(*message.Accepted)
	if !ok {
		return "", fmt.Errorf("unexpected answer %T to a request", a)
	}
	return accepted.GetId(), nil
}

// Check asks what a request would do, and changes nothing.
func (c *Client) Check(ctx context.Context, req *message.Submit) (*message.Checked, error) {
	a, err := c.submit(ctx, req, true)
	if err != nil {
		return nil, err
	}
	checked, ok := a.(*message.Checked)
	if !ok {
		return nil, fmt.Errorf("unexpected answer %T to a dry run", a)
	}
	return checked, nil
}

func (c *Client) submit(ctx context.Context, req *message.Submit, dry bool) (proto.Message, error) {
	r := proto.Clone(req).(*message.Submit)
	ctx, cancel := withPatience(ctx)
	defer cancel()
	deadline, _ := ctx.Deadline() // the server starts nothing that this call no longer waits for
	r.ClientId, r.DryRun, r.Deadline = newID(), dry, stamp(deadline)
	if r.User == "" {
		r.User = c.user
	}
	return c.call(ctx, r.ClientId, r)
}

// Cancel ends an operation: its nodes are left as they are and reported as cancelled.
func (c *Client) Cancel(ctx context.Context, id string) error {
	r := &message.Cancel{Id: id, User: c.user, ClientId: newID()}
	_, err := c.call(ctx, r.ClientId, r)
	return err
}

// Status returns the operations that the server remembers, or the one named.
func (c *Client) Status(ctx context.Context, id string) (*message.Status, error) {
	r := &message.StatusRequest{ClientId: newID(), Id: id}
	return answer[*message.Status](c.call(ctx, r.ClientId, r))
}

// Nodes returns every configured node and its state.
func (c *Client) Nodes(ctx context.Context) (*message.Nodes, error) {
	r := &message.NodesRequest{ClientId: newID()}
	return answer[*message.Nodes](c.call(ctx, r.ClientId, r))
}

// Disks returns the disks of nodes, of all of them when none is named, as their deployment systems found them last: those of a node that
// never ran one were never seen.
func (c *Client) Disks(ctx context.Context, nodes []string) (*message.Disks, error) {
	all := &message.Disks{}
	for {
		r := &message.DisksRequest{ClientId: newID(), Nodes: nodes, After: all.GetNext()}
		page, err := answer[*message.Disks](c.call(ctx, r.ClientId, r))
		if err != nil {
			return nil, err
		}
		if all.Nodes, all.Next = append(all.Nodes, page.GetNodes()...), page.GetNext(); all.Next == "" {
			return all, nil
		}
	}
}

// Reboot submits a reboot of nodes at a level (soft, hard, very_hard) and returns the operation's id.
func (c *Client) Reboot(ctx context.Context, nodes []string, level string) (string, error) {
	return c.Submit(ctx, &message.Submit{Operation: message.Operation_REBOOT, Nodes: nodes, RebootLevel: level})
}

// Power submits a request to switch nodes on, off, or off and on, at a level (soft, hard, very_hard) and returns its id. force is
// for admins, and for nodes that another operation holds.
func (c *Client) Power(ctx context.Context, nodes []string, what message.Operation, level string, force bool) (string, error) {
	return c.Submit(ctx, &message.Submit{Operation: what, Nodes: nodes, RebootLevel: level, Force: force})
}

// looking is how long the power of nodes is waited for: the server gives their controllers a minute.
const looking = 75 * time.Second

// PowerStates asks nodes, or their controllers, whether they are on. It changes nothing, and takes up to a minute.
func (c *Client) PowerStates(ctx context.Context, nodes []string) (*message.PowerStates, error) {
	r := &message.PowerRequest{ClientId: newID(), Nodes: nodes}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, looking)
		defer cancel()
	}
	return answer[*message.PowerStates](c.call(ctx, r.ClientId, r))
}

func answer[T proto.Message](m proto.Message, err error) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if t, ok := m.(T); ok {
		return t, nil
	}
	return none, fmt.Errorf("unexpected answer %T", m)
}
