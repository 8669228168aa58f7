package chain_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/kadeploy/kadeploy/chain"
)

// nowhere is a sink that costs nothing.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }

// BenchmarkChain moves an image through n links of this process; MB/s is what each of them gets, ns/B-hop the CPU-bound cost of a
// byte on one hop (head and links share the machine's cores).
func BenchmarkChain(b *testing.B) {
	for _, n := range []int{1, 8, 50} {
		b.Run(fmt.Sprintf("links=%d", n), func(b *testing.B) {
			img := image(64 << 20)
			m, err := chain.BuildManifest(bytes.NewReader(img), 0)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(img)))
			for b.Loop() {
				runOnce(b, n, img, m)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(img)*n), "ns/B-hop")
		})
	}
}

func runOnce(b *testing.B, n int, img []byte, m *chain.Manifest) {
	cfg := chain.SendConfig{Source: bytes.NewReader(img), Manifest: m}
	var wg sync.WaitGroup
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		name := fmt.Sprint("n", i)
		cfg.Links = append(cfg.Links, chain.Link{Name: name, Addr: l.Addr().String()})
		wg.Go(func() {
			r := chain.ReceiveConfig{Listener: l, Manifest: m.Digest(), Name: name, Sink: nowhere{}, Ring: 8 << 20}
			if _, err := chain.Receive(context.Background(), r); err != nil {
				b.Error(err)
			}
		})
	}
	report, err := chain.Send(context.Background(), cfg)
	if err != nil || report.OK() != n {
		b.Fatal(err, report)
	}
	wg.Wait()
}
