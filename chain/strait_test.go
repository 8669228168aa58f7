package chain_test

import (
	"net"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// strait lets so many bytes per second through on each connection; 0: all.
type strait struct{ rate atomic.Int64 }

// narrowed puts a strait before node i, for connections from the address given or, when that is empty, for all.
func (b *broadcast) narrowed(s *strait, i int, from string) {
	GinkgoHelper()
	node := b.send.Links[i].Addr
	b.relayed(i, func(from, to net.Conn) (net.Conn, net.Conn) {
		for _, c := range []net.Conn{from, to} { // a queue would hide how narrow it is
			Expect(c.(*net.TCPConn).SetReadBuffer(64 << 10)).To(Succeed())
		}
		return from, to
	}, func(dst, src net.Conn) {
		host, _, _ := net.SplitHostPort(src.RemoteAddr().String())
		slow := dst.RemoteAddr().String() == node && (from == "" || host == from)
		s.pass(dst, src, slow)
	})
}

func (s *strait) pass(dst, src net.Conn, slow bool) {
	buf := make([]byte, 16<<10)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		if rate := s.rate.Load(); slow && rate > 0 {
			<-time.After(time.Duration(n) * second / time.Duration(rate))
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}
