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
	return allPages(func(after string) (*message.Shown, error) {
		r := &message.ShowRequest{ClientId: newID(), Id: id, After: after}
		return answer[*message.Shown](c.call(ctx, r.ClientId, r))
	})
}

// allPages joins pages, each of which says after which node the next begins.
func allPages(page func(after string) (*message.Shown, error)) (*message.Shown, error) {
	all, err := page("")
	if err != nil {
		return nil, err
	}
	for all.GetNext() != "" {
		next, err := page(all.GetNext())
		if err != nil {
			return nil, err
		}
		all.Operation, all.Next = next.GetOperation(), next.GetNext()
		all.Results, all.Tries = append(all.Results, next.GetResults()...), append(all.Tries, next.GetTries()...)
	}
	return all, nil
}

// Stats returns the counts of the days (UTC) that touch a span of time: of steps, nodes and causes, as r asks for, and the
// size of the database. It is for everybody and names no user.
func (c *Client) Stats(ctx context.Context, r *message.StatsRequest) (*message.Stats, error) {
	r = proto.CloneOf(r)
	r.ClientId = newID()
	return answer[*message.Stats](c.call(ctx, r.ClientId, r))
}
