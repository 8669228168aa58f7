package agentlink

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// recovered is to be deferred by what serves one stream. A panic there is a bug of ours or of the caller's functions: it is
// logged, once, and becomes the error that ends this stream, while the others and the daemon go on.
func recovered(log *slog.Logger, node string, err *error) {
	if r := recover(); r != nil {
		log.Error("agents: bug in the server; the stream ends", "node", node, "panic", r, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "bug in the server; see its log")
	}
}

// shield runs a part of the session's life, and ends the session when it panics.
func (s *Session) shield(part func()) {
	var err error
	func() {
		defer recovered(s.log, s.node, &err)
		part()
	}()
	if err != nil {
		s.end(fmt.Errorf("%w: %s", ErrLost, reason(err)))
	}
}
