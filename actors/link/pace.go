package link

import (
	"context"

	"golang.org/x/time/rate"
)

// pace is how fast a stream is read: a peer that sends more waits, in the buffers of its own connection, and nobody else does.
type pace struct{ messages, bytes *rate.Limiter }

func newPace(p Policy) pace {
	return pace{
		messages: rate.NewLimiter(rate.Limit(p.Messages), maxItems+p.Messages),
		bytes:    rate.NewLimiter(rate.Limit(p.Bytes), maxBatch+p.Bytes),
	}
}

// wait returns when so many more messages and bytes are in time. It fails when the stream ends.
func (p pace) wait(ctx context.Context, messages, bytes int) error {
	if err := p.messages.WaitN(ctx, messages); err != nil {
		return err
	}
	return p.bytes.WaitN(ctx, bytes)
}
