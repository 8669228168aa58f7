package torture

import (
	"context"
	"sync"
	"time"
)

// progress is how much of the image the first receiver has put out.
type progress struct {
	mu    sync.Mutex
	most  int64
	moved chan struct{} // closed, and made anew, when it is more
}

// lookEvery is how often the receivers' files are looked at.
const lookEvery = 10 * time.Millisecond

// follow watches the receivers until ctx ends.
func follow(ctx context.Context, all []*receiver) *progress {
	p := &progress{moved: make(chan struct{})}
	go func() {
		for pause(ctx, lookEvery) {
			for _, r := range all {
				p.note(r.put())
			}
		}
	}()
	return p
}

func (p *progress) note(put int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if put > p.most {
		p.most = put
		close(p.moved)
		p.moved = make(chan struct{})
	}
}

// await waits until so many bytes are out; false when ctx ends before.
func (p *progress) await(ctx context.Context, bytes int64) bool {
	for {
		p.mu.Lock()
		there, moved := p.most >= bytes, p.moved
		p.mu.Unlock()
		if there {
			return ctx.Err() == nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return false
		}
	}
}
