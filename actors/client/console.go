package client

import (
	"context"
	"errors"
	"net/http"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/console"
)

// ConsoleWant is what a user wants of a console: to read it, to write on it if nobody else does, or to write or not be there.
type ConsoleWant = console.Want

// The wishes.
const (
	ConsoleRead   = console.Read
	ConsoleWrite  = console.Write
	ConsoleInsist = console.Insist
)

// Console is a user's end of a node's console.
type Console = console.Conn

// ConsoleEndedError is the server's last word on a console: why it has ended.
type ConsoleEndedError = console.EndedError

// Console goes to the console of a node, where one is until it is closed. With force it is taken from whoever has it without this
// server. It needs any right to the node, and ends when that is lost.
func (c *Client) Console(ctx context.Context, node string, want ConsoleWant, force bool) (*Console, error) {
	conn, err := console.Dial(ctx, c.web, "https://"+c.server, console.Request{Node: node, Want: want, Force: force})
	var no *console.RefusedError
	switch {
	case errors.As(err, &no):
		return nil, &RefusedError{&message.Refused{Code: refusal(no.Status), Text: no.Text}}
	case err != nil:
		if gone := reachable(ctx, c.server); gone != nil {
			return nil, gone
		}
	}
	return conn, err
}

// refusal is the code of a status of HTTP.
func refusal(status int) message.Refusal {
	switch status {
	case http.StatusForbidden:
		return message.Refusal_FORBIDDEN
	case http.StatusConflict:
		return message.Refusal_BUSY
	case http.StatusServiceUnavailable:
		return message.Refusal_UNAVAILABLE
	}
	return message.Refusal_INVALID
}
