package chain_test

import (
	"io"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"

	"github.com/kadeploy/kadeploy/chain"
)

// absent takes a machine off the network before its link has started.
func (n *node) absent() { n.listener.Close() }

// arrive starts the link of a machine that was absent, at the address that the head knows.
func (b *broadcast) arrive(i int) {
	GinkgoHelper()
	n := b.nodes[i]
	n.relisten(b.send.Links[i].Addr)
	n.start()
}

// told is closed when the head has told something of a link.
func (b *broadcast) told(name string, what func(chain.Progress) bool) <-chan struct{} {
	c := make(chan struct{})
	once := sync.OnceFunc(func() { close(c) })
	b.send.Progress = func(p chain.Progress) {
		if p.Name == name && what(p) {
			once()
		}
	}
	return c
}

// joined is closed when a link is a late joiner.
func (b *broadcast) joined(name string) <-chan struct{} {
	return b.told(name, func(p chain.Progress) bool { return p.Late })
}

// diary is a source that remembers where it was read, in order.
type diary struct {
	io.ReaderAt
	mu    sync.Mutex
	reads []int64 // ends of what was read
}

func (d *diary) ReadAt(p []byte, offset int64) (int, error) {
	n, err := d.ReaderAt.ReadAt(p, offset)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads = append(d.reads, offset+int64(n))
	return n, err
}

// again is how many reads there were before the image was begun a second time, toEnd before its end was read.
func (d *diary) order() (toEnd, again int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := slices.Max(d.reads)
	toEnd = slices.Index(d.reads, last)
	again = slices.IndexFunc(d.reads[1:], func(end int64) bool { return end == d.reads[0] })
	return toEnd, again + 1
}
