package chain

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
)

// maxRanges is how many ranges the head serves at a time; others wait.
const maxRanges = 16

// door is where links reach the head: for a range that no ring holds any more, or to be fed by it.
type door struct {
	secret  secret
	timing  timing
	permits <-chan struct{}
	source  func() *shelf // one of its own for each range
	links   []Link
	ask     func(ctx context.Context, i int, j join) bool // whether the link may come
	serve   func(ctx context.Context, i int, w *wire)     // feeds it until the connection ends
}

// run lets links in until the listener is closed, then waits for those inside to end with ctx.
func (d *door) run(ctx context.Context, l net.Listener) {
	var wg sync.WaitGroup
	defer wg.Wait()
	strangers, ranges := make(chan struct{}, maxStrangers), make(chan struct{}, maxRanges)
	for {
		strangers <- struct{}{}
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, net.ErrClosed) && pause(ctx, partingTime) { // out of file descriptors, say
				<-strangers
				continue
			}
			return
		}
		wg.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			w, as, err := acceptHandshake(conn, d.secret, false, d.timing.dial, roleRange, roleJoin)
			<-strangers
			switch {
			case err != nil:
			case as == roleJoin:
				d.join(ctx, w)
			default:
				ranges <- struct{}{}
				_ = serveRange(ctx, w, d.source(), d.timing, d.permits) // the link sees the connection end and says so in its report
				<-ranges
			}
		})
	}
}

// join takes a link's call.
func (d *door) join(ctx context.Context, w *wire) {
	_, b, err := w.expect(kindJoin, d.timing.dial)
	if err != nil {
		return
	}
	j, err := decodeJoin(b)
	if err != nil {
		return
	}
	i := slices.IndexFunc(d.links, func(l Link) bool { return l.Name == j.name })
	come := i >= 0 && d.ask(ctx, i, j)
	_ = w.control(kindAdmit, 0, admit{come}.encode()) // whoever is admitted is served, be it only until the broken connection is noticed
	if !come {
		w.farewell(partingTime)
		return
	}
	d.serve(ctx, i, w)
}
