//go:build netns

package netlab_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/netlab"
)

// With the tag netns the suite must be run by root, with iproute2 and socat installed: without them it fails and says so.
var _ = BeforeSuite(func() {
	Expect(netlab.Check()).To(Succeed())
	_, err := exec.LookPath("socat")
	Expect(err).NotTo(HaveOccurred(), "socat is not installed: install the Debian package socat")
})

// TestMain turns the test binary into another process that uses the package, when it is started as one.
func TestMain(m *testing.M) {
	switch os.Getenv("NETLAB_PROCESS") {
	case "":
		os.Exit(m.Run())
	case "check as nobody":
		if err := syscall.Setuid(65534); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(netlab.Check())
	case "check":
		fmt.Println(netlab.Check())
	case "hold":
		lab, err := netlab.New(netlab.Config{Hosts: []string{"a"}})
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		sleeper := lab.Host("a").Command(context.Background(), "sleep", "600")
		if err := sleeper.Start(); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(sleeper.Process.Pid)
		select {} // until it is killed; nothing is closed
	}
}

// process starts the test binary as another process.
func process(role string) (*exec.Cmd, io.Reader) {
	GinkgoHelper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "NETLAB_PROCESS="+role)
	out, err := cmd.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	return cmd, out
}

func open(cfg netlab.Config) *netlab.Lab {
	GinkgoHelper()
	lab, err := netlab.New(cfg)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(lab.Close)
	return lab
}

// copying is a file on its way from one host to another by socat.
type copying struct {
	from, to *exec.Cmd
	path     string
	start    time.Time
}

// send starts a copy of size bytes.
func send(from, to *netlab.Host, size int64) *copying {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	source := filepath.Join(dir, "source")
	Expect(os.WriteFile(source, nil, 0o600)).To(Succeed())
	Expect(os.Truncate(source, size)).To(Succeed())
	c := &copying{path: filepath.Join(dir, "copy")}
	c.to = to.Command(context.Background(), "socat", "-u", "TCP-LISTEN:5000,reuseaddr", "CREATE:"+c.path)
	c.from = from.Command(context.Background(), "socat", "-u", "OPEN:"+source, "TCP:"+net.JoinHostPort(to.Addr.String(), "5000"))
	Expect(c.to.Start()).To(Succeed())
	Eventually(func() (string, error) {
		table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", c.to.Process.Pid))
		return string(table), err
	}).Should(ContainSubstring(":1388 00000000:0000 0A"), "socat listens")
	c.start = time.Now()
	Expect(c.from.Start()).To(Succeed())
	return c
}

func (c *copying) size() int64 {
	info, err := os.Stat(c.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// wait returns how long the copy took.
func (c *copying) wait() time.Duration {
	GinkgoHelper()
	Expect(c.from.Wait()).To(Succeed())
	Expect(c.to.Wait()).To(Succeed())
	return time.Since(c.start)
}

// namespacesOf lists the namespaces of labs of the process.
func namespacesOf(pid int) (names []string) {
	GinkgoHelper()
	entries, err := os.ReadDir("/run/netns")
	Expect(err).NotTo(HaveOccurred())
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), fmt.Sprintf("netlab-%d-", pid)) {
			names = append(names, e.Name())
		}
	}
	return names
}
