package actors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/chain"
)

// course is a broadcast from the first byte to the last: the server's end of the chain, and what it has to tell. The chain calls its
// methods one at a time.
type course struct {
	*broadcast
	begun  time.Time
	done   map[string]bool // links that have everything
	source io.ReaderAt
	read   atomic.Int64 // bytes of it, for the chain
}

// ReadAt is the chain's source: the image, and an account of what is sent of it.
func (c *course) ReadAt(p []byte, offset int64) (int, error) {
	n, err := c.source.ReadAt(p, offset)
	c.read.Add(int64(n))
	return n, err
}

// send is the head of the chain. When it returns no link is fed any more: what is left are the words of their agents.
func (c *course) send(ctx context.Context, source io.ReaderAt, links []chain.Link) error {
	c.source = source
	report, err := chain.Send(ctx, chain.SendConfig{
		Transfer: c.transfer, Key: c.key, Links: links,
		Source: c, Manifest: c.job.image.Manifest,
		Progress: c.progress, Skipped: c.skipped, Spoiled: c.spoiled, Passed: c.passed,
		Limits: c.limits(), TLS: c.tls, StallTimeout: c.job.stall,
		Listen: c.job.head, Silent: true, // who was cancelled is told by its agent; of a daemon that ends, the next one goes on
	})
	for _, r := range report.Results {
		c.transferred(r.Name, r.Bytes, r.Elapsed, r.Corrupt, r.Late)
		if r.OK {
			c.places[r.Name].due(settleTimeout, "it has the image")
		} else {
			c.places[r.Name].due(lastWords, "the chain lost it: "+r.Cause)
		}
	}
	c.describe(report, err)
	return err
}

// limits are those that are set: a chain without any does not ask before it sends.
func (c *course) limits() []chain.Limiter {
	var all []chain.Limiter
	if c.job.rate > 0 {
		all = append(all, newLimiter(c.job.rate))
	}
	if c.job.uplink.Limit() != rate.Inf {
		all = append(all, c.job.uplink)
	}
	return all
}

func (c *course) progress(p chain.Progress) {
	if p.State == chain.Done {
		c.done[p.Name] = true
	}
	if p.State >= chain.Failed {
		c.transferred(p.Name, p.Written, time.Since(c.begun), p.Corrupt, p.Late)
	}
}

// theHead is what the chain calls its head.
const theHead = "the head"

func (c *course) skipped(s chain.Skip) {
	by := s.By
	if by == theHead {
		by = ""
	}
	c.tell(chainSkip{c.id, &message.ChainSkip{Node: s.Name, By: by, Cause: line(s.Cause), Offset: uint64(s.Offset)}})
}

func (c *course) spoiled(s chain.Spoil) {
	if s.By == theHead {
		s.By = "the server"
	}
	c.tell(chainNote{s.String()})
}

// passed is told when the chain needs none of its links any more. Stragglers are fed on, but the way is free for the next
// broadcast, and who is done has only to say so.
func (c *course) passed() {
	c.tell(chainPassed{c.id})
	for link := range c.done {
		c.places[link].due(settleTimeout, "it has the image")
	}
}

func (c *course) transferred(link string, bytes int64, took time.Duration, corrupt int, late bool) {
	c.tell(chainTransfer{c.id, link, &message.NodeTransfer{
		Bytes: uint64(bytes), Took: durationpb.New(took.Round(time.Millisecond)), Corrupt: uint32(corrupt), Late: late}})
}

// describe ends the transfer for people.
func (c *course) describe(report chain.Report, err error) {
	text := fmt.Sprintf("the chain ended: %d of %d nodes have the image", report.OK(), len(report.Results))
	if c.goesOn {
		text += fmt.Sprintf("; it went on from what they had: %d of %d bytes were sent", c.read.Load(), c.job.image.Size)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		text += ": " + err.Error()
	}
	c.tell(chainNote{text})
}
