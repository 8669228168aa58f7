package chain

import (
	"context"
	"sync"
	"time"
)

const (
	gatherWidth = 64                    // links called at a time
	gatherPause = 50 * time.Millisecond // before one that refused is called again
	gatherQuiet = time.Second           // after the latest answer
)

// gather waits for links that are just being started: until every link answers, or one does and for a while nobody else, or the time
// is over.
func (h *head) gather(outer context.Context) {
	if h.cfg.Gather <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(outer, h.cfg.Gather)
	defer cancel()
	f := newFeeder(h.feederConfig(headIndex, h.shelf, h.table))
	slots := make(chan struct{}, gatherWidth)
	quiet := time.AfterFunc(h.cfg.Gather, cancel)
	defer quiet.Stop()
	var wg sync.WaitGroup
	for i := range h.cfg.Links {
		wg.Go(func() {
			for ctx.Err() == nil {
				select {
				case slots <- struct{}{}:
				case <-ctx.Done():
					return
				}
				there := f.reach(ctx, i).reached
				<-slots
				if there != nil {
					there.wire.conn.Close()
					quiet.Reset(min(gatherQuiet, h.cfg.Gather))
					return
				}
				pause(ctx, gatherPause)
			}
		})
	}
	wg.Wait()
}
