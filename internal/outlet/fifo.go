package outlet

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// readerPoll is how often a named pipe is looked at while nobody has it open for reading.
const readerPoll = 50 * time.Millisecond

// fifo is a named pipe. It is opened with the first byte and waits for its reader then, so that a receiver does not need one to
// join the chain; it is opened without blocking, so that Abort can free whoever writes.
type fifo struct {
	path    string
	once    sync.Once
	aborted chan struct{}

	mu   sync.Mutex
	file *os.File
}

func (f *fifo) open() error {
	for f.file == nil {
		file, err := os.OpenFile(f.path, os.O_WRONLY|unix.O_NONBLOCK, 0)
		switch {
		case err == nil:
			return f.adopt(file)
		case !errors.Is(err, unix.ENXIO):
			return wording.Bare(err)
		}
		select {
		case <-f.aborted:
			return errAborted
		case <-time.After(readerPoll):
		}
	}
	return nil
}

func (f *fifo) adopt(file *os.File) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.aborted:
		file.Close()
		return errAborted
	default:
		f.file = file
		return nil
	}
}

func (f *fifo) Write(p []byte) (int, error) {
	if err := f.open(); err != nil {
		return 0, err
	}
	n, err := f.file.Write(p)
	return n, wording.Bare(err)
}

func (f *fifo) Close() error {
	if err := f.open(); err != nil {
		return err
	}
	return wording.Bare(f.file.Close())
}

func (f *fifo) Abort(error) {
	f.once.Do(func() { close(f.aborted) })
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		f.file.Close()
	}
}
