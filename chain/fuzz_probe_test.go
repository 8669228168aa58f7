package chain

import (
	"io"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// FuzzProbe lets a link that has the key answer a probe as it likes: whoever measures must have an end, and a rate that is not beyond
// what the time it took allows.
func FuzzProbe(f *testing.F) {
	f.Add([]byte{0, 128, 1, 0, 128, 1})                        // as it should be
	f.Add([]byte{2, 10, 0, 128, 2, 10, 1, 2, 5, 0, 128, 1})    // slowly
	f.Add([]byte{1, 1, 0, 255, 0, 1})                          // both answers too early
	f.Add([]byte{0, 128, 2, 90, 1, 0, 128, 1})                 // hardly in time
	f.Add([]byte{0, 128, 1, 3})                                // half of it
	f.Add([]byte{0, 255, 0, 1, 1, 1, 1, 2, 255, 2, 255, 2, 9}) // more than was asked for, and no end
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) <= 100 {
			synctest.Test(t, func(t *testing.T) { fuzzProbe(t, newWords(script)) })
		}
	})
}

func fuzzProbe(t *testing.T, script *words) {
	s, p := secret{transfer: [16]byte{1}}, newPipes()
	over := make(chan struct{})
	go func() {
		defer close(over)
		conn, err := p.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		w, _, err := acceptHandshake(conn, s, false, time.Second, roleProbe)
		for err == nil && !script.over() {
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			switch script.byte() % 4 {
			case 0:
				_, err = io.CopyN(io.Discard, w.r, int64(script.byte())<<10)
			case 1:
				_, err = conn.Write([]byte{1})
			case 2:
				time.Sleep(time.Duration(script.byte()) * 10 * time.Millisecond)
			case 3:
				return
			}
		}
	}()
	f := newFeeder(feederConfig{plan: plan{links: []Link{{"a", headAddress}}}, secret: s, timing: timing{time.Second, 2 * time.Second}, dialer: onlyHead{p}})
	begin := time.Now()
	rate, err := f.measure(t.Context(), 0)
	took := time.Since(begin)
	p.Close()
	<-over
	if took > 2*f.timing.dial {
		t.Errorf("it took %v", took)
	}
	if most := probeSize / took.Seconds(); err == nil && (math.IsNaN(rate) || rate < 0 || rate > most) {
		t.Errorf("%f bytes per second after %v", rate, took)
	}
}
