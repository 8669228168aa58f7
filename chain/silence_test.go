package chain

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// A peer that falls silent in the middle of a frame is given up as soon as one that falls silent between two: those who lose it and
// those whom it loses must notice at about the same time, or they miss each other.
func TestSilenceCountsFromTheLastByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		begin := time.Now()
		go func() {
			for range 3 {
				time.Sleep(900 * time.Millisecond)
				theirs.Write([]byte{1})
			}
		}()
		w := newWire(ours)
		if _, err := w.watch(time.Second); err != nil {
			t.Fatal(err)
		}
		err := w.fill(make([]byte, 10), 0, nil)
		if took := time.Since(begin); !isTimeout(err) || took < 3700*time.Millisecond || took > 3900*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
