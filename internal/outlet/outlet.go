// Package outlet is where a receiver's data goes: a file, a device or pipe, standard output, or a command.
//
// An Outlet is a sink of the chain: one goroutine writes in order and calls Close once, after the last byte; Close commits and
// its error is the outlet's verdict. Abort gives everything up instead; it may be called at any time and again, also while a
// Write or a Close is blocked, which it frees wherever the system can. What was committed stays.
// Errors do not name the outlet; its owner knows it.
package outlet

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/kadeploy/kadeploy/internal/outfile"
)

// Outlet takes a stream.
type Outlet interface {
	io.Writer
	Close() error
	Abort(cause error)
}

// errAborted is what is left to say when a call loses against Abort.
var errAborted = errors.New("given up")

// File opens the outlet at a path. A regular file, or none yet, is written beside its place and put there by Close; anything
// else is written to. With sync, Close returns when the data is on the disk; on a block device it always does so, because a
// disk reports its errors no earlier. A block device that is in use, mounted for instance, is refused.
func File(name string, sync bool) (Outlet, error) {
	place, err := outfile.Find(name)
	if err != nil {
		return nil, err
	}
	switch {
	case place.Type&fs.ModeNamedPipe != 0:
		return &fifo{path: place.Path, aborted: make(chan struct{})}, nil
	case place.Direct:
		return openDevice(place, sync)
	}
	draft, err := place.Create()
	if err != nil {
		return nil, err
	}
	return &regular{draft, sync}, nil
}

// Stream is an outlet that is open already, such as standard output. A Write that is blocked on it may outlive Abort.
func Stream(f *os.File, sync bool) Outlet { return &device{file: f, sync: sync} }

type regular struct {
	draft *outfile.Draft
	sync  bool
}

func (r *regular) Write(p []byte) (int, error) { return r.draft.Write(p) }
func (r *regular) Close() error                { return r.draft.Commit(r.sync) }
func (r *regular) Abort(error)                 { r.draft.Discard() }
