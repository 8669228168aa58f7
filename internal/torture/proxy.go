package torture

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Proxy is a bad way to a receiver: everybody who calls it comes through here.
type Proxy struct {
	Listen, To string
	Seed       uint64
	Flips      float64 // bits flipped in a MiB, on average
	In, Out    bool    // which way: towards the receiver, from it
	Break      float64 // MiB after which a connection ends, on average; 0: never
	StallAt    int64   // bytes, of all connections, after which nothing gets through,
	StallFor   time.Duration
}

// Run serves until the listener fails.
func (p Proxy) Run(log io.Writer) error {
	l, err := net.Listen("tcp", p.Listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "listening on %s\n", l.Addr())
	barrier := &barrier{at: p.StallAt, wait: p.StallFor}
	for n := uint64(0); ; n++ {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go p.carry(log, barrier, conn.(*net.TCPConn), n)
	}
}

// carry joins a connection with one to the receiver until both ways are over.
func (p Proxy) carry(log io.Writer, b *barrier, caller *net.TCPConn, number uint64) {
	defer caller.Close()
	dialed, err := net.Dial("tcp", p.To)
	if err != nil { // nobody listens there: whoever calls is to see the same
		caller.SetLinger(0)
		return
	}
	callee := dialed.(*net.TCPConn)
	defer callee.Close()
	var ways sync.WaitGroup
	for i, w := range []struct {
		from, to *net.TCPConn
		bad      bool
	}{{caller, callee, p.In}, {callee, caller, p.Out}} {
		ways.Go(func() {
			d := &damage{rng: rand.New(rand.NewPCG(p.Seed, 2*number+uint64(i)))}
			if p.Flips > 0 && w.bad {
				d.flip = d.next(mib / p.Flips)
			}
			if p.Break > 0 {
				d.end = d.next(mib * p.Break)
			}
			err := p.pass(w.to, w.from, b, d)
			switch {
			case errors.Is(err, errBroken):
				fmt.Fprintf(log, "connection %d breaks after %d bytes\n", number, d.at)
				if d.rng.IntN(2) == 0 {
					caller.SetLinger(0)
					callee.SetLinger(0)
				}
				fallthrough
			case err != nil:
				caller.Close()
				callee.Close()
			default:
				w.to.CloseWrite()
			}
			if d.flipped > 0 {
				fmt.Fprintf(log, "connection %d: %d bits of %d bytes flipped\n", number, d.flipped, d.at)
			}
		})
	}
	ways.Wait()
}

var errBroken = errors.New("broken")

// damage says where one way of a connection goes wrong, in bytes from its beginning; 0: nowhere.
type damage struct {
	rng       *rand.Rand
	at        int64
	flip, end int64
	flipped   int
}

// next is how far away the next mishap is of those that are so far from each other on average.
func (d *damage) next(mean float64) int64 { return d.at + 1 + int64(d.rng.ExpFloat64()*mean) }

// do flips what is to be flipped of the next bytes, and reports how many of them still get through.
func (d *damage) do(b []byte, flips float64) int {
	if d.end > 0 && d.end <= d.at+int64(len(b)) {
		b = b[:d.end-d.at]
	}
	for d.flip > 0 && d.flip <= d.at+int64(len(b)) {
		b[d.flip-d.at-1] ^= 1 << d.rng.IntN(8)
		d.flipped++
		d.flip += 1 + int64(d.rng.ExpFloat64()*mib/flips)
	}
	d.at += int64(len(b))
	return len(b)
}

// barrier holds up everything for a while, once so many bytes have passed.
type barrier struct {
	at   int64
	wait time.Duration

	mu     sync.Mutex
	passed int64
	until  time.Time
}

func (b *barrier) pass(n int) {
	b.mu.Lock()
	b.passed += int64(n)
	if b.wait > 0 && b.until.IsZero() && b.passed > b.at {
		b.until = time.Now().Add(b.wait)
	}
	until := b.until
	b.mu.Unlock()
	time.Sleep(time.Until(until))
}

func (p Proxy) pass(to, from *net.TCPConn, b *barrier, d *damage) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			b.pass(n)
			through := d.do(buf[:n], p.Flips)
			if _, err := to.Write(buf[:through]); err != nil {
				return err
			}
			if d.end > 0 && d.at >= d.end {
				return errBroken
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
