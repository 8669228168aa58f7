package http_test

import (
	"context"
	"io"
	"net"
	nethttp "net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/phonehome"
	"github.com/kadeploy/kadeploy/pxe/http"
)

var _ = Describe("The HTTP server, to deployed systems", func() {
	note := phonehome.Note{Token: strings.Repeat("0a", 16), Digest: strings.Repeat("d1", 32)}
	var (
		book   *phonehome.Book
		said   chan string
		ill    *atomic.Bool
		server *http.Server
	)
	BeforeEach(func() {
		book, said, ill = phonehome.NewBook(), make(chan string, 10), new(atomic.Bool)
		book.Expect("node-1", phonehome.Expected{
			Token: phonehome.TokenDigest(note.Token), From: netip.MustParseAddr("127.0.0.1"),
			Said: func(digest string, kept func()) {
				said <- digest
				if !ill.Load() {
					kept()
				}
			},
		})
		var err error
		server, err = http.Start(http.Config{Listen: "127.0.0.1:0", Root: GinkgoT().TempDir(), Calls: book})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) { Expect(server.Close(ctx)).To(Succeed()) }, NodeTimeout(10*time.Second))
		note.URL = "http://" + server.Addr().String() + "/phone-home/node-1"
	})
	post := func(ctx context.Context, from, path, body string) (int, error) {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		client := nethttp.Client{Transport: &nethttp.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext}}
		r, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodPost, "http://"+server.Addr().String()+path, strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		answer, err := client.Do(r)
		if err != nil {
			return 0, err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		Expect(string(text)).NotTo(ContainSubstring(note.Token))
		return answer.StatusCode, err
	}
	answers := func(from, path, body string) int {
		GinkgoHelper()
		status, err := post(context.Background(), from, path, body)
		Expect(err).NotTo(HaveOccurred())
		return status
	}
	const path = "/phone-home/node-1"

	It("hears the one that is expected, and it once", func() {
		Expect(answers("127.0.0.1", path, string(note.Text()))).To(Equal(204))
		Expect(said).To(Receive(Equal(note.Digest)))
		Expect(answers("127.0.0.1", path, string(note.Text()))).To(Equal(404))
		Expect(said).NotTo(Receive())
	})

	It("knows no such place when another calls", func() {
		stranger := note
		stranger.Token = strings.Repeat("0b", 16)
		Expect(answers("127.0.0.1", path, string(stranger.Text()))).To(Equal(404), "by a token of his own")
		Expect(answers("127.0.0.2", path, string(note.Text()))).To(Equal(404), "from elsewhere")
		Expect(answers("127.0.0.1", "/phone-home/node-2", string(note.Text()))).To(Equal(404), "for another node")
		Expect(answers("127.0.0.1", path, strings.Repeat("x", 1<<20))).To(Equal(404), "at length")
		Expect(said).NotTo(Receive())
	})

	It("answers only when what was said is kept", func() {
		ill.Store(true)
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		_, err := post(ctx, "127.0.0.1", path, string(note.Text()))
		Expect(err).To(MatchError(context.DeadlineExceeded))
		ill.Store(false)
		Eventually(func() int { return answers("127.0.0.1", path, string(note.Text())) }).Should(Equal(204))
	})

	It("hears nobody where nobody waits for calls", func() {
		book.Forget("node-1")
		Expect(answers("127.0.0.1", path, string(note.Text()))).To(Equal(404))
	})
})
