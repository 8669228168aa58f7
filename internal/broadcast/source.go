package broadcast

import (
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"github.com/kadeploy/kadeploy/internal/wording"
)

// source is the image as the head needs it: a stream to be sent, and its bytes at any offset for whoever lags.
type source struct {
	image io.ReaderAt // has every byte that stream has given
	input io.Reader
	size  int64 // -1: unknown until the end
	close func()
}

// openSource opens a file, a device or, for "-", standard input. What cannot be read again at an offset is kept in an unnamed
// file in the directory spool while it is sent.
func openSource(name, spool string, stdin *os.File) (*source, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, wording.Bare(err))
		}
		in = f
	}
	info, err := in.Stat()
	if err != nil {
		in.Close()
		return nil, err
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		in.Close()
		return nil, fmt.Errorf("%s is a directory: send an archive of it, tar c %s | kadeploy-agent chain send -i -", name, name)
	case mode.IsRegular():
		return direct(in, info.Size())
	case mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0:
		return direct(in, -1)
	}
	return spooled(in, spool)
}

// direct reads the file itself, from where it stands: a shell may have read the beginning of its standard input.
func direct(f *os.File, size int64) (*source, error) {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		f.Close()
		return nil, err
	}
	if size >= 0 {
		size = max(0, size-at)
	}
	image := io.NewSectionReader(f, at, math.MaxInt64-at)
	return &source{image: image, input: io.NewSectionReader(image, 0, math.MaxInt64), size: size, close: func() { f.Close() }}, nil
}

func spooled(in *os.File, dir string) (*source, error) {
	f, err := os.CreateTemp(dir, "kadeploy-chain-*")
	if err == nil {
		err = os.Remove(f.Name())
	}
	if err != nil {
		in.Close()
		return nil, fmt.Errorf("cannot be kept in %s: %w; give --spool a directory to write to", dir, wording.Bare(err))
	}
	return &source{image: f, input: io.TeeReader(in, spool{f, dir}), size: -1, close: func() { in.Close(); f.Close() }}, nil
}

// spool is the file that a stream is kept in.
type spool struct {
	*os.File
	dir string
}

func (s spool) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	if err != nil {
		err = fmt.Errorf("keep the image in %s: %w; give --spool a directory with more room", s.dir, wording.Bare(err))
	}
	return n, err
}
