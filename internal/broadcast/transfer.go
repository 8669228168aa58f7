package broadcast

import (
	"context"
	"time"

	"github.com/kadeploy/kadeploy/chain"
)

// transfer has the chain do it. The report has a result for every machine, also with an error.
func (cfg *SendConfig) transfer(ctx context.Context, src *source, d *display) (*Report, error) {
	began := time.Now()
	m, err := chain.BuildManifest(src.input, cfg.ChunkSize)
	var got chain.Report
	if err == nil {
		got, err = chain.Send(ctx, chain.SendConfig{
			Key: cfg.Key, Links: cfg.Links, Source: src.image, Manifest: m,
			StallTimeout: cfg.Stall, Listen: listenAddress(cfg.Listen, cfg.Links),
			Progress: func(p chain.Progress) { d.moved(p, false) },
		})
	}
	report := &Report{Seconds: time.Since(began).Seconds()}
	for _, r := range got.Results {
		report.Nodes = append(report.Nodes, Node{Name: r.Name, OK: r.OK, Bytes: r.Bytes, Corrupt: r.Corrupt, Cause: r.Cause})
	}
	return report, err
}
