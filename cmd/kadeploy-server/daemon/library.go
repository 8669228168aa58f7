package daemon

import (
	"context"
	"log/slog"
	"strings"
)

// library is the log of the actor library. It tells, as informations and errors, of each client that comes and goes; an
// operator must be able to take an error in the log seriously, so these lines are for debugging. What supervisors say
// by the same logger stays as it is.
type library struct{ slog.Handler }

func (h library) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn || strings.HasPrefix(r.Message, "Endpoint") {
		r.Level = slog.LevelDebug
	}
	if !h.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h library) WithAttrs(attrs []slog.Attr) slog.Handler {
	return library{h.Handler.WithAttrs(attrs)}
}

func (h library) WithGroup(name string) slog.Handler { return library{h.Handler.WithGroup(name)} }
