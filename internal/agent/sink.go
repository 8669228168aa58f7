package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/kadeploy/kadeploy/internal/compress"
	"github.com/kadeploy/kadeploy/internal/machine"
)

var errSinkAborted = errors.New("the image did not arrive whole")

// compressed is the decompressed stream, which a consumer reads to its end.
type compressed = io.Reader

// stats is what a consumer did.
type stats struct {
	entries int
	bytes   int64
	skipped int
}

func (s stats) text(received int64) string {
	text := fmt.Sprintf("%d bytes received, %d bytes written", received, s.bytes)
	if s.entries > 0 {
		text += fmt.Sprintf(" in %d files and directories", s.entries)
	}
	if s.skipped > 0 {
		text += fmt.Sprintf("; %d attributes, ACLs or device nodes were not restored", s.skipped)
	}
	return text
}

// sink is a chain.Sink that feeds a consumer running in a goroutine of its own, through a pipe without memory.
type sink struct {
	pipe *io.PipeWriter
	done chan struct{}

	stats stats // read after done
	err   error
}

func newSink(compression string, consume func(compressed) (stats, error)) (*sink, error) {
	if compression != "" && !slices.Contains(compress.Names, compression) {
		return nil, fmt.Errorf("unknown compression %q (known: %v)", compression, compress.Names)
	}
	r, w := io.Pipe()
	s := &sink{pipe: w, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.stats, s.err = unpack(compression, r, func(why error) { r.CloseWithError(why) }, consume)
		// Later writes fail with the consumer's error; without one they are drained above, so there are none.
		r.CloseWithError(s.err)
	}()
	return s, nil
}

// unpack decompresses in one goroutine, has the consumer read in another, and reads on to the end: the trailer of the archive
// must not block the chain, and the checksum of the compression is at the end of its stream. A panic is the consumer's error.
// After an error refuse ends a Read of r that waits for more.
func unpack(compression string, r io.Reader, refuse func(error), consume func(compressed) (stats, error)) (s stats, err error) {
	defer guard(&err)
	z, err := compress.Open(compression, r)
	if err != nil {
		return s, fmt.Errorf("decompress: %w", err)
	}
	defer z.Close()
	in := readAhead(z)
	defer func() {
		if err != nil {
			refuse(err)
		}
		in.stop()
	}()
	defer guard(&err)
	if s, err = consume(in); err != nil {
		return s, err
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return s, fmt.Errorf("decompress: %w", err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return s, err
	}
	return s, nil
}

// guard makes a panic the error of the function that defers it.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("bug in the agent: panic: %v", p)
	}
}

func (s *sink) Write(p []byte) (int, error) { return s.pipe.Write(p) }

// Close says that the image is complete and waits until it is on the disk.
func (s *sink) Close() error {
	s.pipe.Close()
	<-s.done
	return s.err
}

// Abort frees whoever writes or reads. After Close it changes nothing.
func (s *sink) Abort(cause error) { s.pipe.CloseWithError(fmt.Errorf("%w: %w", errSinkAborted, cause)) }

// wait returns when the consumer has left the disk alone.
func (s *sink) wait() (stats, error) {
	<-s.done
	return s.stats, s.err
}

// copyTo writes a raw image. When ctx ends it is not read back to its end.
func copyTo(ctx context.Context, device machine.Device, r io.Reader) (stats, error) {
	n, err := io.CopyBuffer(struct{ io.Writer }{device}, r, make([]byte, 1<<20))
	if err != nil {
		device.Close()
		return stats{}, fmt.Errorf("write the image: %w", err)
	}
	if err := device.Commit(ctx); err != nil {
		return stats{}, fmt.Errorf("write the image: %w", err)
	}
	return stats{bytes: n}, nil
}
