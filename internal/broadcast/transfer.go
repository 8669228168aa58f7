package broadcast

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/time/rate"

	"github.com/kadeploy/kadeploy/chain"
)

// burst is what may leave at once under a rate, in bytes.
const burst = 256 << 10

// transfer has the chain do it. The report has a result for every machine, also with an error.
func (cfg *SendConfig) transfer(ctx context.Context, src *source, d *display) (*Report, error) {
	over := false // the chain is through: whoever ends the call for those that were lost has not lost anything
	sent, err := chain.Send(ctx, chain.SendConfig{
		Key: cfg.Key, Links: cfg.Links, Source: src.image, Input: src.input, ChunkSize: cfg.ChunkSize,
		Limits: cfg.limits(), TLS: cfg.TLS, Gather: cfg.Gather, Linger: cfg.Linger, StallTimeout: cfg.Stall, Listen: cfg.Listen,
		Progress: d.moved, Skipped: d.skipped, Spoiled: d.spoiled,
		Passed: func() { over = true; d.passed(cfg.Linger) },
	})
	if err != nil {
		if err = errors.Unwrap(err); over && ctx.Err() != nil {
			err = nil
		}
	}
	return cfg.report(sent, err), err
}

func (cfg *SendConfig) limits() []chain.Limiter {
	if cfg.Rate == 0 {
		return nil
	}
	return []chain.Limiter{rate.NewLimiter(rate.Limit(cfg.Rate), burst)}
}

func (cfg *SendConfig) report(sent chain.Report, err error) *Report {
	r := &Report{Bytes: sent.Size, Seconds: sent.Elapsed.Seconds()}
	if sent.Image != (chain.Digest{}) {
		r.Image = sent.Image.String()
	}
	for _, one := range sent.Results {
		n := Node{Name: one.Name, OK: one.OK, Bytes: one.Bytes, Seconds: one.Elapsed.Seconds(), Late: one.Late, Corrupt: one.Corrupt, Spoiler: one.Spoiler, Cause: one.Cause}
		for _, s := range one.Skips {
			n.Skips = append(n.Skips, Skip{By: s.By, Offset: s.Offset, Cause: s.Cause})
		}
		r.Nodes = append(r.Nodes, n)
	}
	if len(sent.Results) == 0 { // the chain did not begin
		for _, l := range cfg.Links {
			r.Nodes = append(r.Nodes, Node{Name: l.Name, Cause: fmt.Sprintf("not begun: %v", err)})
		}
	}
	return r
}
