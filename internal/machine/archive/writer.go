package archive

import (
	"archive/tar"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// chunkSize is also the unit in which zeros of a sparse file become holes again; archive/tar hides the map of the holes.
	chunkSize = 64 << 10
	// maxParts bounds the chunks, and with them the open files, that wait for the writer.
	maxParts = 16
)

// chunks are shared by all extractions of the process: most are free most of the time.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// part is some content of a file, and with last what makes the file complete.
type part struct {
	fd     int
	header *tar.Header
	at     int64
	size   int              // of the content
	data   *[chunkSize]byte // nil: no content, or a hole
	last   bool             // close the file
	broken bool             // with last: it is not complete and gets no owner, mode and time
}

// writer fills and finishes files that were made, in a goroutine of its own and one after the other: meanwhile the next ones
// are read and made. It knows a file by its handle only, so nothing that happens to names meanwhile can lead it elsewhere.
type writer struct {
	owners  bool
	parts   chan part
	pending sync.WaitGroup // parts that were put and are not done
	failed  chan struct{}  // closed after err was set
	err     error          // the first one, naming its member
	skipped int            // attributes; read after close
	done    chan struct{}
}

func newWriter(owners bool) *writer {
	w := &writer{owners: owners, parts: make(chan part, maxParts), failed: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

// put hands a part over, and waits while there are too many. After an error files are only closed.
func (w *writer) put(p part) {
	w.pending.Add(1)
	w.parts <- p
}

// flush waits until all that was put is done.
func (w *writer) flush() { w.pending.Wait() }

// failure is the error of a part that was put, as soon as there is one.
func (w *writer) failure() error {
	select {
	case <-w.failed:
		return w.err
	default:
		return nil
	}
}

// close waits for the end of everything and returns the first error.
func (w *writer) close() error {
	close(w.parts)
	<-w.done
	return w.err
}

func (w *writer) run() {
	defer close(w.done)
	for p := range w.parts {
		if err := w.do(p); err != nil && w.err == nil {
			w.err = fmt.Errorf("unpack %q: %w", p.header.Name, err)
			close(w.failed)
		}
		w.pending.Done()
	}
}

func (w *writer) do(p part) (err error) {
	if p.data != nil {
		if w.err == nil {
			err = writeAt(p.fd, p.data[:p.size], p.at)
		}
		chunks.Put(p.data)
	}
	if !p.last {
		return err
	}
	if err == nil && w.err == nil && !p.broken {
		err = w.finish(p.fd, p.header)
	}
	if cerr := unix.Close(p.fd); err == nil {
		err = cerr
	}
	return err
}

// finish keeps the order that loses nothing: data, owner (which drops setuid and capabilities), mode, attributes, time.
func (w *writer) finish(fd int, h *tar.Header) error {
	if isSparse(h) { // it may end in a hole
		if err := unix.Ftruncate(fd, h.Size); err != nil {
			return err
		}
	}
	skipped, err := describe(fd, h, w.owners)
	if err != nil {
		return err
	}
	w.skipped += skipped
	return setTime(fd, "", h.ModTime)
}
