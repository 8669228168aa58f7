package torture

import (
	"errors"
	"io"
	"os"
	"time"
)

// Sink is a command for a receiver's -O that is not as fast, or not as able, as it should be.
type Sink struct {
	Out     string  // path of the file it writes
	Rate    float64 // bytes per second; 0: as fast as it can
	StopAt  int64   // bytes after which it stops reading, once,
	StopFor time.Duration
	FullAt  int64 // bytes after which it fails as a full disk does; 0: never
}

// Run reads in to its end.
func (s Sink) Run(in io.Reader) error {
	f, err := os.Create(s.Out)
	if err != nil {
		return err
	}
	defer f.Close()
	if s.FullAt > 0 {
		if _, err := io.CopyN(f, in, s.FullAt); err != nil {
			return err
		}
		return errors.New("no space left on device")
	}
	if s.StopFor > 0 {
		if _, err := io.CopyN(f, in, s.StopAt); err != nil {
			return err
		}
		time.Sleep(s.StopFor)
	}
	if err := paced(f, in, s.Rate); err != nil {
		return err
	}
	return f.Close()
}

// paced copies at a rate in bytes per second; 0: as fast as it can.
func paced(to io.Writer, from io.Reader, rate float64) error {
	begin, sum := time.Now(), int64(0)
	for {
		n, err := io.CopyN(to, from, 32<<10)
		sum += n
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if rate > 0 {
			time.Sleep(time.Until(begin.Add(seconds(float64(sum) / rate))))
		}
	}
}
