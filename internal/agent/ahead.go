package agent

import (
	"io"
	"sync"
)

const (
	pieceSize = 64 << 10
	maxPieces = 4
)

// pieces are shared by all nodes of the process: most are free most of the time.
var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

type piece struct {
	data *[pieceSize]byte
	size int
}

// ahead reads a stream in a goroutine of its own, a few pieces before they are asked for: decompression and the disk work at
// the same time. A panic of the stream is its error.
type ahead struct {
	full    chan piece    // closed at the end, after err was set
	stopped chan struct{} //
	err     error         // what the stream ended with
	now     piece         // the reader's
	read    int           // of now
}

func readAhead(r io.Reader) *ahead {
	a := &ahead{full: make(chan piece, maxPieces), stopped: make(chan struct{})}
	go func() {
		defer close(a.full)
		a.err = a.run(r)
	}()
	return a
}

// run returns the error that the stream ends with, io.EOF too.
func (a *ahead) run(r io.Reader) (err error) {
	defer guard(&err)
	for err == nil {
		p := piece{data: pieces.Get().(*[pieceSize]byte)}
		p.size, err = fill(p.data[:], r)
		select {
		case a.full <- p:
		case <-a.stopped:
			return nil
		}
	}
	return err
}

// fill reads until b is full. Unlike io.ReadFull it leaves the error as it is: a stream that was cut says
// io.ErrUnexpectedEOF, and that is not its end.
func fill(b []byte, r io.Reader) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = r.Read(b[n:])
		n += k
	}
	return n, err
}

func (a *ahead) Read(p []byte) (int, error) {
	for a.read == a.now.size {
		a.release()
		next, ok := <-a.full
		if !ok {
			return 0, a.err
		}
		a.now, a.read = next, 0
	}
	n := copy(p, a.now.data[a.read:a.now.size])
	a.read += n
	return n, nil
}

func (a *ahead) release() {
	if a.now.data != nil {
		pieces.Put(a.now.data)
	}
	a.now, a.read = piece{}, 0
}

// stop waits until the stream is left alone: the caller frees a Read of it that hangs. Nothing is read from a any more.
func (a *ahead) stop() {
	close(a.stopped)
	for p := range a.full {
		pieces.Put(p.data)
	}
	a.release()
}
