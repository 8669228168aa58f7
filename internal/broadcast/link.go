package broadcast

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/kadeploy/kadeploy/chain"
)

// transfer has the chain do it. called is called once, when the first predecessor has proved the key.
func (cfg *ReceiveConfig) transfer(ctx context.Context, l net.Listener, called func()) (received, error) {
	once := sync.OnceFunc(called)
	got, err := chain.Receive(ctx, chain.ReceiveConfig{
		Listener: l, Key: cfg.Key, Name: cfg.Name, Sink: cfg.Outlet,
		Ring: cfg.Ring, OrphanTimeout: cfg.Orphan,
		Progress: func(int64) { once() },
	})
	if err != nil {
		return received{}, errors.New(got.Cause)
	}
	return received{bytes: got.Bytes}, nil
}
