package agentlink

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

// ErrLost says that the agent's stream ended: until the node boots again nothing reaches it, unless it is ErrAway.
var ErrLost = errors.New("agent lost")

// ErrAway is the ErrLost of an agent whose connection broke, or may have: it may call again, by itself.
var ErrAway = fmt.Errorf("%w for now", ErrLost)

// Session is the line to one boot of one node. Its methods are safe for concurrent use.
type Session struct {
	node, version string
	boot          uint64
	proof         digest
	secret        []byte // names the session in Fetch
	stream        agentpb.Agents_SessionServer
	log           *slog.Logger

	turn    chan struct{} // held by the Do under way
	sending chan struct{} // held by the Send under way

	ending sync.Once
	done   chan struct{}
	err    error         // why it ended; read after done
	left   chan struct{} // closed when Left has returned

	mu     sync.Mutex
	offers map[string]offer // by name
	last   uint64           // number of the last order
	kept   *agentpb.Kept    // as long as that is none
	call   *call
}

// Node is the name in the agent's certificate.
func (s *Session) Node() string { return s.node }

// Boot is the number of the node's boot, for Boots.Current.
func (s *Session) Boot() uint64 { return s.boot }

// Certificate is the digest of the certificate that the agent called with, for Expected.
func (s *Session) Certificate() [sha256.Size]byte { return s.proof }

// Version is what the agent said it is.
func (s *Session) Version() string { return s.version }

// Kept is the order that the agent has kept over the break of its connection, which may have failed; nil when there is none, or when another
// order was given since.
func (s *Session) Kept() *agentpb.Kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Close ends the session: the agent gives up its work and exits.
func (s *Session) Close() { s.end(fmt.Errorf("%w: session closed by the server", ErrLost)) }

// Offer lets this session, and no other, fetch the file at path under a name.
func (s *Session) Offer(name, path string) {
	s.OfferSame(name, path, nil)
}

// OfferSame is Offer for a path where others may put other files: only the one that info is of is sent. info may be nil.
func (s *Session) OfferSame(name, path string, info os.FileInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offers[name] = offer{path, info}
}

// offer is a file that a session may fetch.
type offer struct {
	path string
	info os.FileInfo // of this very file; nil: of any
}

// Do gives an order and returns its result, also when the result says that it failed. Orders of one session are done
// one after the other: a second Do waits for the first.
//
// The order's id is set here, and its timeout when it has none but ctx has. Progress reports are given to progress (nil:
// dropped) on the caller's goroutine. Nothing is sent once ctx has ended. When it ends later the agent is told to abort and
// has 2 s to say that it did: then Do returns ctx's cause. An agent that does not say so can be given no further order: it is
// lost, its session ends, and the error wraps both ErrAway and ctx's cause: whether it hangs or is not reached cannot be known. When the stream
// ends, the error wraps ErrLost.
func (s *Session) Do(ctx context.Context, order *agentpb.Order, progress func(*agentpb.Progress)) (*agentpb.Result, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-s.done:
	case <-ctx.Done():
	}
	// Asked again: a free turn may have been taken beside them.
	switch {
	case s.ended():
		return nil, s.Err()
	case ctx.Err() != nil:
		return nil, fmt.Errorf("order %s for %s was not given: %w", order.GetStep(), s.node, context.Cause(ctx))
	}
	o := proto.CloneOf(order)
	c := s.begin(o)
	defer s.finish(c)
	if at, ok := ctx.Deadline(); ok && o.Timeout == nil {
		o.Timeout = durationpb.New(time.Until(at))
	}
	result, err := s.exchange(ctx, o, c, progress)
	if err != nil {
		return nil, fmt.Errorf("order %s for %s: %w", o.Step, s.node, err)
	}
	return result, nil
}

func (s *Session) end(err error) {
	s.ending.Do(func() {
		s.err = err
		close(s.done)
	})
}

func (s *Session) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Err says why the session ended, once it has. It wraps ErrLost.
func (s *Session) Err() error {
	if s.err == nil {
		return fmt.Errorf("%w: it said goodbye", ErrLost)
	}
	return s.err
}

func (s *Session) open(name string) (*os.File, error) {
	s.mu.Lock()
	o, ok := s.offers[name]
	s.mu.Unlock()
	if !ok {
		return nil, errors.New("not offered to this session")
	}
	f, err := os.Open(o.path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	switch {
	case err != nil || !st.Mode().IsRegular():
		err = fmt.Errorf("%s is not a regular file", o.path)
	case o.info != nil && !os.SameFile(o.info, st):
		err = fmt.Errorf("%s is another file now", o.path)
	default:
		return f, nil
	}
	f.Close()
	return nil, err
}

// broken is the end of a session whose stream failed: that its connection broke, unless the agent has broken a rule.
func broken(err error) error {
	switch status.Code(err) {
	case codes.Canceled, codes.Unavailable:
		return fmt.Errorf("%w: %s", ErrAway, reason(err))
	}
	return fmt.Errorf("%w: %s", ErrLost, reason(err))
}

// reason takes the text out of a gRPC error.
func reason(err error) string {
	if st, ok := status.FromError(err); ok {
		return st.Message()
	}
	return err.Error()
}
