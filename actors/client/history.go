package client

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
)

// History returns operations of the server's database, the newest first: of anybody for admins, one's own for others. One
// answer has at most 1000; those after it begin with r.Before, the id of its last. A server without a database is a
// *RefusedError with the code UNAVAILABLE.
func (c *Client) History(ctx context.Context, r *message.HistoryRequest) (*message.History, error) {
	r = proto.CloneOf(r)
	r.ClientId = newID()
	return answer[*message.History](c.call(ctx, r.ClientId, r))
}

// Show returns what happened in an operation, all pages of it in one; of one that is under way, what is known up to now. An id that the database does not have is a *RefusedError with the code UNKNOWN_ID.
func (c *Client) Show(ctx context.Context, id string) (*message.Shown, error) {
	var all *message.Shown
	for after := ""; ; {
		r := &message.ShowRequest{ClientId: newID(), Id: id, After: after}
		page, err := answer[*message.Shown](c.call(ctx, r.ClientId, r))
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = page
		} else {
			all.Operation = page.GetOperation()
			all.Results, all.Tries = append(all.Results, page.GetResults()...), append(all.Tries, page.GetTries()...)
		}
		if after = page.GetNext(); after == "" {
			all.Next = ""
			return all, nil
		}
	}
}

// Stats returns the counts of the days (UTC) that touch a span of time: of steps, nodes and causes, as r asks for, and the
// size of the database. It is for everybody and names no user.
func (c *Client) Stats(ctx context.Context, r *message.StatsRequest) (*message.Stats, error) {
	r = proto.CloneOf(r)
	r.ClientId = newID()
	return answer[*message.Stats](c.call(ctx, r.ClientId, r))
}
