// Package console carries the serial consoles of nodes to users: one source of bytes for each node, one user who writes, many
// who read (Kadeploy3 1.1, kaconsole3).
//
// A Hub runs a Source while somebody is there, and ends it with the last one. It promises that a slow reader costs nobody but
// itself (it is told how many bytes it lost), that everything is bounded, and that End ends at once. Who may join is its
// caller's affair. Handler and Dial are the two ends of a connection over HTTP/1.1, upgraded (RFC 9110, 7.8) to frames (frame.go).
package console

import (
	"context"
	"io"
)

// Source is where the bytes of a console come from and go to.
type Source struct {
	ReadOnly bool // what is typed goes nowhere

	// Run carries bytes until the console ends, which is its result, or ctx does, and leaves nothing behind. in has what the
	// writer types, and fails when ctx is over; out never fails, and may make it wait.
	Run func(ctx context.Context, in io.Reader, out io.Writer) error
}

// Want is what a user wants of a console.
type Want string

// The wishes.
const (
	Read   Want = "read"
	Write  Want = "write"  // if nobody else does
	Insist Want = "insist" // to write, or not to be there at all
)

// Request is a user at the door of a console.
type Request struct {
	User string // from the connection, never from what it says
	Node string
	Want Want
	// Force takes the console from whoever has it without this server: another session of the management controller.
	Force bool
}

// RefusedError is a reasoned no.
type RefusedError struct {
	Status int // of HTTP: 400 makes no sense, 403 no right, 404 no such node or console, 409 another writes, 503 not now
	Text   string
}

func (e *RefusedError) Error() string { return e.Text }
