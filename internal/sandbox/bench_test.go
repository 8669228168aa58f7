package sandbox_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/demoimage"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/sandbox"
	"github.com/kadeploy/kadeploy/pxe"
	"github.com/kadeploy/kadeploy/pxe/tftp"
)

// BenchmarkBoot is one machine's way from power-on to its kernel: a profile by its own name, a kernel of 64 KiB that is
// found to be nobody's; 200 machines at once.
func BenchmarkBoot(b *testing.B) {
	const crowd = 200
	root := b.TempDir()
	server, err := tftp.Start(tftp.Config{Listen: "127.0.0.1:0", Root: root})
	check(b, err)
	defer server.Close(context.Background())
	check(b, os.MkdirAll(filepath.Join(root, "pxelinux.cfg"), 0o755))
	check(b, os.WriteFile(filepath.Join(root, "vmlinuz"), make([]byte, 64<<10+len(demoimage.DeployKernelMagic)), 0o644))
	text, err := pxe.Deployed("vmlinuz", "", "/dev/sda3", "").Render()
	check(b, err)
	var nodes []sandbox.Node
	for i := range crowd {
		addr := netip.AddrFrom4([4]byte{127, 79, 0, byte(i)})
		check(b, os.WriteFile(filepath.Join(root, "pxelinux.cfg", fmt.Sprintf("%X", addr.AsSlice())), []byte(text), 0o644))
		nodes = append(nodes, sandbox.Node{Name: fmt.Sprint("node-", i), Addr: addr, Sandbox: config.Sandbox{InProcess: true}})
	}
	rack, err := sandbox.New(sandbox.Config{Nodes: nodes, TFTP: server.Addr(), Dir: b.TempDir()})
	check(b, err)
	defer rack.Close()

	b.ResetTimer()
	for done := 0; done < b.N; done += crowd {
		round := nodes[:min(crowd, b.N-done)]
		for _, n := range round {
			_, err := rack.Do(context.Background(), power.Target{Name: n.Name}, power.OpReboot, power.Hard)
			check(b, err)
		}
		for _, n := range round {
			for !panicked(rack.Console(n.Name)) {
				time.Sleep(time.Millisecond)
			}
		}
	}
}

func panicked(console []string) bool {
	return len(console) > 0 && strings.HasPrefix(console[len(console)-1], "kernel panic")
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
