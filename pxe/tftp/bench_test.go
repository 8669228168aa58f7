package tftp_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kadeploy/kadeploy/pxe/tftp"
)

// BenchmarkFetch is a rack that boots: each machine fetches one file of 4 MiB.
func BenchmarkFetch(b *testing.B) {
	const size = 4 << 20
	root := b.TempDir()
	if err := os.WriteFile(filepath.Join(root, "kernel"), make([]byte, size), 0o644); err != nil {
		b.Fatal(err)
	}
	server, err := tftp.Start(tftp.Config{Listen: "127.0.0.1:0", Root: root})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close(context.Background())
	for _, machines := range []int{1, 8, 64} {
		for _, block := range []int{1428, 32 << 10} {
			b.Run(fmt.Sprintf("machines=%d/block=%d", machines, block), func(b *testing.B) {
				b.SetBytes(int64(machines) * size)
				for b.Loop() {
					var wg sync.WaitGroup
					for i := range machines {
						wg.Go(func() {
							c := tftp.Client{Server: server.Addr(), BlockSize: block, From: netip.AddrFrom4([4]byte{127, 0, 3, byte(i)})}
							if _, err := tftp.Fetch(context.Background(), c, "kernel", io.Discard, size); err != nil {
								b.Error(err)
							}
						})
					}
					wg.Wait()
				}
			})
		}
	}
}
