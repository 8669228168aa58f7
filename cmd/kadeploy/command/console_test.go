package command_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/console"
)

var _ = Describe("kadeploy console", func() {
	var (
		server *fakeServer
		u      *use
		far    net.Conn // the server's end
	)
	BeforeEach(func() {
		server = newFake()
		u = newUse(server)
		near, other := net.Pipe()
		far = other
		server.console = console.NewConn(near)
		DeferCleanup(func() { server.console.Close(); far.Close() })
	})
	frame := func(kind byte, text string) string { return string([]byte{kind, 0, byte(len(text))}) + text }
	says := func(frames ...string) {
		go func() { _, _ = io.WriteString(far, strings.Join(frames, "")) }()
	}

	It("copies the console to standard output, without a terminal, and says why it ended", func() {
		log := filepath.Join(GinkgoT().TempDir(), "log")
		says(frame('n', "nobody writes"), frame('d', "login: \x1b[1m"), frame('p', ""), frame('e', "root took node-1 from alice"))
		u.in = "not typed"
		Expect(u.run("console", "-m", "node-1", "--log", log)).To(Equal(1))
		Expect(server.wanted).To(Equal("node-1 read false"))
		Expect(u.out.String()).To(Equal("login: \x1b[1m"))
		Expect(u.err.String()).To(Equal("kadeploy: nobody writes\nkadeploy: root took node-1 from alice\n"))
		Expect(os.ReadFile(log)).To(BeEquivalentTo("login: \x1b[1m"))
	})

	It("types what comes on standard input when it is to write, tildes and all", func() {
		u.in = "~.\n~~x"
		got := make(chan string, 1)
		go func() {
			b := make([]byte, 3+len(u.in))
			_, _ = io.ReadFull(far, b)
			_, _ = io.WriteString(far, frame('e', "over"))
			got <- string(b)
		}()
		Expect(u.run("console", "-m", "node-1", "--write", "--force")).To(Equal(1))
		Expect(server.wanted).To(Equal("node-1 insist true"))
		Expect(<-got).To(Equal(frame('d', "~.\n~~x")))
	})

	It("is left by ~. after Enter, and gives the terminal back", func() {
		raw := 0
		u.terminal = func() (func(), error) { raw++; return func() { raw-- }, nil }
		u.in = "a~.\r~~b\r~w~?~.never sent"
		got := make(chan string, 1)
		go func() {
			all, _ := io.ReadAll(far)
			got <- string(all)
		}()
		Expect(u.run("console", "-m", "node-1")).To(Equal(0))
		Expect(server.wanted).To(Equal("node-1 write false"))
		Expect(raw).To(BeZero())
		Expect(<-got).To(Equal(frame('d', "a~.\r~b\r") + frame('w', "")))
		Expect(u.err.String()).To(ContainSubstring("~w asks to write"))
	})

	It("ends by an interrupt, which is how a copy ends", func() {
		says(frame('d', "login: "))
		go func() {
			defer GinkgoRecover()
			Eventually(u.out.String).Should(Equal("login: "))
			u.interrupts <- os.Interrupt
		}()
		Expect(u.run("console", "-m", "node-1")).To(Equal(0))
	})

	It("says that the connection is lost", func() {
		go far.Close()
		Expect(u.run("console", "-m", "node-1")).To(Equal(5))
		Expect(u.err.String()).To(HavePrefix("kadeploy: console of node-1: the connection is lost"))
	})

	DescribeTable("refuses what cannot be meant", func(text string, args ...string) {
		Expect(u.run(append([]string{"console"}, args...)...)).To(Equal(2))
		Expect(u.err.String()).To(ContainSubstring(text))
	},
		Entry(nil, "no nodes"),
		Entry(nil, "2 nodes: a console is one node's", "-m", "node-[1-2]"),
		Entry(nil, "say one of them", "-m", "node-1", "--write", "--read-only"),
		Entry(nil, "--log: ", "-m", "node-1", "--log", "/nonexistent/log"),
	)

	It("is refused with the server's reason", func() {
		server.refuse = &message.Refused{Code: message.Refusal_BUSY, Text: "bob writes on the console of node-1; it can be read meanwhile"}
		Expect(u.run("console", "-m", "node-1", "--write")).To(Equal(4))
		Expect(u.err.String()).To(Equal("kadeploy: bob writes on the console of node-1; it can be read meanwhile\n"))
	})
})
