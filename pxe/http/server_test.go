package http_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/pxe/http"
)

func TestHTTP(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "netboot over HTTP")
}

var _ = Describe("The HTTP server of machines that start from the network", func() {
	var (
		root    string
		config  http.Config
		content = bytes.Repeat([]byte("kernel "), 100_000)
	)
	BeforeEach(func() {
		root = GinkgoT().TempDir()
		Expect(os.Mkdir(filepath.Join(root, "kernels"), 0o755)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(root, "kernels", "vmlinuz"), content, 0o644)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(root, "secret"), []byte("s"), 0o644)).To(Succeed())
		config = http.Config{Listen: "127.0.0.1:0", Root: root, Serves: func(name string) bool { return name != "secret" }}
	})
	start := func() string {
		GinkgoHelper()
		s, err := http.Start(config)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) { Expect(s.Close(ctx)).To(Succeed()) }, NodeTimeout(10*time.Second))
		return s.Addr().String()
	}
	ask := func(method, url string, header ...string) (*nethttp.Response, []byte) {
		GinkgoHelper()
		r, err := nethttp.NewRequest(method, url, nil)
		Expect(err).NotTo(HaveOccurred())
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		client := nethttp.Client{Transport: &nethttp.Transport{DisableKeepAlives: true}}
		response, err := client.Do(r)
		Expect(err).NotTo(HaveOccurred())
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		Expect(err).NotTo(HaveOccurred())
		return response, body
	}

	It("sends a kernel as it is, its size to who asks for that only, and a part", func() {
		url := "http://" + start() + "/kernels/vmlinuz"
		response, body := ask("GET", url)
		Expect(response.StatusCode).To(Equal(200))
		Expect(bytes.Equal(body, content)).To(BeTrue())
		Expect(response.Header.Get("Content-Type")).To(Equal("application/octet-stream"))

		response, body = ask("HEAD", url)
		Expect(response.ContentLength).To(BeEquivalentTo(len(content)))
		Expect(body).To(BeEmpty())

		response, body = ask("GET", url, "Range", "bytes=7-12")
		Expect(response.StatusCode).To(Equal(206))
		Expect(string(body)).To(Equal("kernel"))
	})

	It("is what curl expects", func() {
		if _, err := exec.LookPath("curl"); err != nil {
			Skip("curl is not installed")
		}
		to := filepath.Join(GinkgoT().TempDir(), "got")
		Expect(os.WriteFile(to, content[:100], 0o600)).To(Succeed())
		out, err := exec.Command("curl", "-fsS", "--noproxy", "*", "-C", "-", "-o", to, "http://"+start()+"/kernels/vmlinuz").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		got, err := os.ReadFile(to)
		Expect(err).NotTo(HaveOccurred())
		Expect(bytes.Equal(got, content)).To(BeTrue(), "the rest of a file that was begun")
	})

	It("has nothing that the site does not name, and nothing outside its root", func() {
		outside := filepath.Join(GinkgoT().TempDir(), "outside")
		Expect(os.WriteFile(outside, []byte("s"), 0o644)).To(Succeed())
		Expect(os.Symlink(outside, filepath.Join(root, "link"))).To(Succeed())
		Expect(syscall.Mkfifo(filepath.Join(root, "pipe"), 0o644)).To(Succeed())
		url := "http://" + start()
		for _, path := range []string{"/secret", "/", "/kernels", "/kernels/", "/missing", "/link", "/pipe", "/../etc/passwd", "/%2e%2e/etc/passwd", "/a%00b", "/" + strings.Repeat("a", 600)} {
			response, body := ask("GET", url+path)
			Expect(response.StatusCode).To(Equal(404), path)
			Expect(string(body)).NotTo(ContainSubstring(root), path)
		}
	})

	It("changes nothing", func() {
		url := "http://" + start() + "/kernels/vmlinuz"
		for _, method := range []string{"PUT", "POST", "DELETE"} {
			response, _ := ask(method, url)
			Expect(response.StatusCode).To(Equal(405))
			Expect(response.Header.Get("Allow")).To(Equal("GET, HEAD"))
		}
	})

	It("refuses a header without an end, closes a connection that says nothing, and one that is too many", func() {
		config.MaxConnections, config.IdleTime = 1, 200*time.Millisecond
		addr := start()
		first, err := net.Dial("tcp", addr)
		Expect(err).NotTo(HaveOccurred())
		defer first.Close()
		second, err := net.Dial("tcp", addr)
		Expect(err).NotTo(HaveOccurred())
		defer second.Close()
		Expect(closed(second)).To(BeTrue(), "one too many")
		Expect(closed(first)).To(BeTrue(), "it has said nothing")

		config.MaxConnections, config.IdleTime = 0, 0
		long, err := net.Dial("tcp", start())
		Expect(err).NotTo(HaveOccurred())
		defer long.Close()
		go func() {
			for range 100 {
				if _, err := fmt.Fprintf(long, "X-Long: %s\r\n", strings.Repeat("a", 1000)); err != nil {
					return
				}
			}
		}()
		fmt.Fprint(long, "GET / HTTP/1.1\r\nHost: a\r\n")
		Expect(long.SetReadDeadline(time.Now().Add(10 * time.Second))).To(Succeed())
		Expect(bufio.NewReader(long).ReadString('\n')).To(ContainSubstring("431"))
	})

	It("says what to change when it cannot listen", func() {
		config.Listen = start()
		_, err := http.Start(config)
		Expect(err).To(MatchError(ContainSubstring("change http_listen")))
		config.Listen = "192.0.2.1:80"
		_, err = http.Start(config)
		Expect(err).To(MatchError(ContainSubstring("no address of this machine: change http_listen")))
	})

	It("cuts an answer that nobody reads when it closes", func() {
		big := filepath.Join(root, "big")
		Expect(os.WriteFile(big, nil, 0o644)).To(Succeed())
		Expect(os.Truncate(big, 1<<30)).To(Succeed())
		s, err := http.Start(config)
		Expect(err).NotTo(HaveOccurred())
		conn, err := net.Dial("tcp", s.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		fmt.Fprint(conn, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
		_, err = bufio.NewReader(conn).ReadString('\n')
		Expect(err).NotTo(HaveOccurred())
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		Expect(s.Close(ctx)).To(Succeed())
	})
})

// closed says whether the peer hangs up in some seconds.
func closed(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err := io.Copy(io.Discard, conn)
	return err == nil || strings.Contains(err.Error(), "reset")
}
