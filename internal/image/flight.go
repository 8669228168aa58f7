package image

import (
	"context"
	"errors"
	"sync"
)

// flights lets requests for the same thing share one reading. A reading lives as long as somebody waits for it, so one
// who gives up costs the others nothing.
type flights struct {
	mu     sync.Mutex
	byKey  map[flightKey]*flight
	closed bool
	wg     sync.WaitGroup
}

type flightKey struct {
	record string
	md5    bool
}

type flight struct {
	cancel context.CancelFunc
	done   chan struct{} // closed once img and err are set
	img    *Image
	err    error

	mu        sync.Mutex
	listeners map[*listener]bool // who waits
}

type listener struct{ progress func(done, total int64) }

var errClosed = errors.New("the server is stopping")

// do waits for the reading of key, which it starts if there is none.
func (s *flights) do(ctx context.Context, key flightKey, progress func(done, total int64),
	read func(ctx context.Context, report func(done, total int64)) (*Image, error),
) (*Image, error) {
	l := &listener{progress}
	f, err := s.join(key, l, read)
	if err != nil {
		return nil, err
	}
	defer s.leave(key, f, l)
	select {
	case <-f.done:
		return f.img, f.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *flights) join(key flightKey, l *listener,
	read func(ctx context.Context, report func(done, total int64)) (*Image, error),
) (*flight, error) {
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
	ctx, cancel := context.WithCancel(context.Background())
	f := &flight{cancel: cancel, done: make(chan struct{}), listeners: map[*listener]bool{l: true}}
	if s.byKey == nil {
		s.byKey = map[flightKey]*flight{}
	}
	s.byKey[key] = f
	s.wg.Go(func() {
		defer cancel()
		f.img, f.err = read(ctx, f.report)
		s.forget(key, f)
		close(f.done)
	})
	return f, nil
}

// leave takes the listener away. When it was the last one, nobody may join any more and the reading ends.
func (s *flights) leave(key flightKey, f *flight, l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.listeners, l)
	if len(f.listeners) == 0 {
		if s.byKey[key] == f {
			delete(s.byKey, key)
		}
		f.cancel()
	}
}

func (s *flights) forget(key flightKey, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[key] == f {
		delete(s.byKey, key)
	}
}

func (s *flights) close() {
	s.mu.Lock()
	s.closed = true
	for _, f := range s.byKey {
		f.cancel()
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
