package imagecache

import (
	"context"
	"sync"
)

// flights let requests for the same URL share one fetch. It lives as long as somebody waits for it, so one who gives up costs the
// others nothing.
type flights struct {
	mu     sync.Mutex
	byKey  map[string]*flight
	closed bool
	wg     sync.WaitGroup
}

// fetching is what a flight does: bring returns the digest of a file that is pinned, hold pins it once more, let takes one pin away.
type fetching struct {
	bring func(ctx context.Context, report func(done, total int64)) (digest string, err error)
	hold  func(digest string) *File
	let   func(digest string)
}

type flight struct {
	fetching
	cancel context.CancelCauseFunc
	done   chan struct{} // closed once digest and err are set
	digest string
	err    error

	mu        sync.Mutex
	listeners map[*listener]bool // who waits
	landed    bool
	abandoned bool // everybody had left; not changed any more when it has landed
}

type listener struct{ progress func(done, total int64) }

// do waits for the fetch of key, which it starts if there is none, and holds what it brought.
func (s *flights) do(ctx context.Context, key string, progress func(done, total int64), how fetching) (*File, error) {
	for {
		file, again, err := s.once(ctx, key, progress, how)
		if !again {
			return file, err
		}
	}
}

// once is do, but for a fetch that everybody had left before: when that has come down another one may start.
func (s *flights) once(ctx context.Context, key string, progress func(done, total int64), how fetching) (_ *File, again bool, _ error) {
	l := &listener{progress}
	f, err := s.join(key, l, how)
	if err != nil {
		return nil, false, err
	}
	defer s.leave(f, l)
	select {
	case <-f.done:
		if f.err != nil {
			return nil, f.abandoned, f.err
		}
		return f.hold(f.digest), false, nil
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
}

func (s *flights) join(key string, l *listener, how fetching) (*flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if f, ok := s.byKey[key]; ok {
		f.mu.Lock()
		f.listeners[l] = true
		f.mu.Unlock()
		return f, nil
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	f := &flight{fetching: how, cancel: cancel, done: make(chan struct{}), listeners: map[*listener]bool{l: true}}
	if s.byKey == nil {
		s.byKey = make(map[string]*flight)
	}
	s.byKey[key] = f
	s.wg.Go(func() {
		defer cancel(nil)
		f.digest, f.err = f.bring(ctx, f.report)
		s.land(key, f)
	})
	return f, nil
}

// land lets nobody join any more. When nobody waits, nobody holds what was brought.
func (s *flights) land(key string, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[key] == f {
		delete(s.byKey, key)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.landed = true
	close(f.done)
	if len(f.listeners) == 0 && f.err == nil {
		f.let(f.digest)
	}
}

// leave takes the listener away. The last one ends a fetch that is under way, and lets go of what was brought by one that has landed.
// A flight without listeners stays in the way of others until it has landed: two must not write one file.
func (s *flights) leave(f *flight, l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.listeners, l)
	switch {
	case len(f.listeners) > 0:
	case !f.landed:
		f.abandoned = true
		f.cancel(context.Canceled)
	case f.err == nil:
		f.let(f.digest)
	}
}

func (s *flights) close() {
	s.mu.Lock()
	s.closed = true
	for _, f := range s.byKey {
		f.cancel(errClosed)
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// report calls every listener while holding them, so that none is called after it has left.
func (f *flight) report(done, total int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.listeners {
		if l.progress != nil {
			l.progress(done, total)
		}
	}
}
