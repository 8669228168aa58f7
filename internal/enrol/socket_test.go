package enrol_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/enrol"
	"github.com/kadeploy/kadeploy/internal/pki"
)

var _ = Describe("The local socket", func() {
	var s *site
	ctx := context.Background()
	BeforeEach(func() {
		s = newSite()
		s.config.Local = func(uid uint32) (string, error) {
			if int(uid) == os.Getuid() {
				return "alice", nil
			}
			if uid == 65534 {
				return "bob", nil
			}
			return "", fmt.Errorf("no user %d", uid)
		}
	})

	It("gives whoever calls the certificate of the user that the kernel says it is", func() {
		path := s.overSocket(roomy)
		w := wallet()
		Expect(enrol.Local(ctx, path, w)).To(Equal(alice))
		Expect(w.Identity()).To(Equal(alice))
		Expect(s.log.String()).To(ContainSubstring(fmt.Sprintf(`peer="uid %d"`, os.Getuid())))
	})

	It("is for everybody on the machine, in a directory that only its owner may change", func() {
		path := s.overSocket(roomy)
		info, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(BeEquivalentTo(0o666))
		info, err = os.Stat(filepath.Dir(path))
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(BeEquivalentTo(0o755))
	})

	It("tells one user from another", func() {
		if os.Getuid() != 0 {
			Skip("only root can call as another user")
		}
		path := s.overSocket(roomy)
		say := func(uid uint32) string {
			GinkgoHelper()
			const script = `printf 'POST /v1/local HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' "${#BODY}" "$BODY" |
				socat -t5 - UNIX-CONNECT:"$SOCKET"`
			child := exec.Command("sh", "-c", script)
			child.Env = append(os.Environ(), "SOCKET="+path, "BODY="+object(map[string]string{"csr": request()}))
			child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
			out, err := child.CombinedOutput()
			if errors.Is(err, exec.ErrNotFound) || strings.Contains(string(out), "socat: not found") {
				Skip("needs socat")
			}
			return string(out)
		}
		Expect(say(0)).To(ContainSubstring("ka://user/alice"))
		Expect(say(12345)).To(And(ContainSubstring("403"), ContainSubstring("the user with the number 12345 is not a user of this server")))
		Expect(say(65534)).To(ContainSubstring("403"))
	})

	DescribeTable("refuses", func(change func(), text string) {
		change()
		path := s.overSocket(roomy)
		w := wallet()
		_, err := enrol.Local(ctx, path, w)
		Expect(err).To(MatchError(enrol.ErrRefused))
		Expect(err).To(MatchError(ContainSubstring(text)))
		Expect(err).NotTo(MatchError(ContainSubstring("secret")))
	},
		Entry("whom the site does not know by number", func() {
			s.config.Local = func(uint32) (string, error) { return "", errors.New("secret") }
		}, "is not a user of this server"),
		Entry("whom the site does not know by name", func() { s.forget(alice) }, "is not a user of this server"),
		Entry("whose name is none", func() {
			s.config.Local = func(uint32) (string, error) { return "al ice", nil }
		}, "is not a user of this server"),
		Entry("everybody when it is no way in", func() { s.config.Local = nil }, "the server's own socket"),
	)

	It("serves tokens and renewals, too", func() {
		path := s.overSocket(roomy)
		client := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", path)
		}}
		body := object(map[string]string{"token": s.token(bob), "csr": request()})
		r, err := http.NewRequest(http.MethodPost, "http://socket/v1/enrol", strings.NewReader(body))
		Expect(err).NotTo(HaveOccurred())
		response, err := client.RoundTrip(r)
		Expect(err).NotTo(HaveOccurred())
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).To(ContainSubstring("ka://user/bob"))
	})

	It("says in one line that nobody is there", func() {
		_, err := enrol.Local(ctx, filepath.Join(socketDir(), "socket"), wallet())
		Expect(err).To(MatchError(ContainSubstring("no such file")))
	})

	Context("when it is opened", func() {
		var dir, path string
		BeforeEach(func() {
			dir = socketDir()
			path = filepath.Join(dir, "socket")
		})
		open := func() error {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			return roomy.ServeUnix(ctx, path, enrol.Handler(s.config))
		}
		opens := func() {
			GinkgoHelper()
			background(func(ctx context.Context) error { return roomy.ServeUnix(ctx, path, enrol.Handler(s.config)) })
			Eventually(func() error { _, err := enrol.Local(ctx, path, wallet()); return err }, "5s").Should(Succeed())
		}

		It("replaces what a killed daemon left", func() {
			dead, err := net.Listen("unix", path)
			Expect(err).NotTo(HaveOccurred())
			dead.(*net.UnixListener).SetUnlinkOnClose(false)
			Expect(dead.Close()).To(Succeed())
			Expect(os.WriteFile(path+".lock", nil, 0o600)).To(Succeed())
			opens()
		})

		It("refuses to take the place of a living one, which goes on", func() {
			opens()
			Expect(open()).To(MatchError(ContainSubstring("another server is using it")))
			Expect(enrol.Local(ctx, path, wallet())).To(Equal(alice))
		})

		It("refuses to take the place of another program's", func() {
			other, err := net.Listen("unix", path)
			Expect(err).NotTo(HaveOccurred())
			defer other.Close()
			Expect(open()).To(MatchError(ContainSubstring("another server answers there")))
		})

		It("does not remove what is not a socket", func() {
			Expect(os.WriteFile(path, []byte("precious"), 0o600)).To(Succeed())
			Expect(open()).To(MatchError(ContainSubstring("not a socket")))
			Expect(os.ReadFile(path)).To(BeEquivalentTo("precious"))
		})

		It("refuses a directory to which others may write", func() {
			Expect(os.Chmod(dir, 0o777)).To(Succeed())
			Expect(open()).To(MatchError(ContainSubstring("chmod go-w " + dir)))
		})

		It("refuses a path that is too long", func() {
			path = filepath.Join(dir, strings.Repeat("a", 100))
			Expect(open()).To(MatchError(ContainSubstring("choose a shorter one")))
		})

		It("leaves no socket when it is closed", func() {
			stop := background(func(ctx context.Context) error { return roomy.ServeUnix(ctx, path, enrol.Handler(s.config)) })
			Eventually(func() error { _, err := os.Stat(path); return err }, "5s").Should(Succeed())
			stop()
			Expect(path).NotTo(BeAnExistingFile())
		})
	})
})

var _ = Describe("Connections", func() {
	var s *site
	ctx := context.Background()
	BeforeEach(func() {
		s = newSite()
		s.config.Local = func(uint32) (string, error) { return "alice", nil }
	})

	closed := func(c net.Conn) func() error {
		return func() error {
			c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			_, err := bufio.NewReader(c).ReadString(0)
			return err
		}
	}
	beClosed := Or(MatchError(io.EOF), MatchError(syscall.ECONNRESET))
	dial := func(network, addr, say string) net.Conn {
		GinkgoHelper()
		c, err := net.Dial(network, addr)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { c.Close() })
		_, err = c.Write([]byte(say))
		Expect(err).NotTo(HaveOccurred())
		return c
	}

	DescribeTable("on the socket that say too little for too long are closed", func(say string) {
		path := s.overSocket(small)
		Eventually(closed(dial("unix", path, say)), "5s").Should(beClosed)
		Expect(enrol.Local(ctx, path, wallet())).To(Equal(alice))
	},
		Entry("nothing", ""),
		Entry("half a header", "POST /v1/local HTTP/1.1\r\nHost: x\r\n"),
		Entry("half a body", "POST /v1/local HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"),
	)

	It("on the socket that trickle are closed as well", func() {
		path := s.overSocket(small)
		c := dial("unix", path, "POST /v1/local HTTP/1.1\r\n")
		Eventually(func() error { _, err := c.Write([]byte("x: y\r\n")); return err }, "5s", "50ms").Should(HaveOccurred())
	})

	It("to the network that never finish the handshake are closed", func() {
		s.overTLS(small)
		Eventually(closed(dial("tcp", s.addr, "")), "5s").Should(beClosed)
		Eventually(closed(dial("tcp", s.addr, "\x16\x03\x01\x02")), "5s").Should(beClosed)
	})

	It("are closed at once when one user has too many, and heard again when those are gone", func() {
		limits := enrol.Limits{Time: 30 * time.Second, Most: 64, MostOfOne: 3}
		path := s.overSocket(limits)
		var held []net.Conn
		for range 3 {
			held = append(held, dial("unix", path, ""))
		}
		_, err := enrol.Local(ctx, path, wallet())
		Expect(err).To(HaveOccurred())
		for _, c := range held {
			c.Close()
		}
		Eventually(func() error { _, err := enrol.Local(ctx, path, wallet()); return err }, "5s").Should(Succeed())
	})

	It("are closed at once when there are too many in all", func() {
		s.overTLS(enrol.Limits{Time: 30 * time.Second, Most: 2, MostOfOne: 64})
		first, second := dial("tcp", s.addr, ""), dial("tcp", s.addr, "")
		third := dial("tcp", s.addr, "")
		Eventually(closed(third), "5s").Should(beClosed)
		first.Close()
		second.Close()
		Eventually(func() error {
			_, err := enrol.Enrol(ctx, s.addr, s.authority.Pin(), s.token(alice), wallet())
			return err
		}, "5s").Should(Succeed())
	})

	It("that are idle do not keep the server from ending", func() {
		path := filepath.Join(socketDir(), "socket")
		stop := background(func(ctx context.Context) error { return small.ServeUnix(ctx, path, enrol.Handler(s.config)) })
		Eventually(func() error { _, err := enrol.Local(ctx, path, wallet()); return err }, "5s").Should(Succeed())
		dial("unix", path, "POST /v1/local HTTP/1.1\r\n")
		stop()
	})

	It("carry one request each", func() {
		path := s.overSocket(roomy)
		c := dial("unix", path, strings.Repeat("POST /v1/local HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 3))
		text, _ := io.ReadAll(c)
		Expect(strings.Count(string(text), "HTTP/1.1 ")).To(Equal(1))
	})

	It("of who fails are refused after a while, but not those of other doors", func() {
		path := s.overSocket(roomy)
		for range 10 {
			c := dial("unix", path, "POST /v1/local HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{")
			text, _ := io.ReadAll(c)
			Expect(string(text)).To(ContainSubstring("400"))
		}
		_, err := enrol.Local(ctx, path, wallet())
		Expect(err).To(MatchError(ContainSubstring("too many requests failed")))
		Expect(err).NotTo(MatchError(enrol.ErrRefused))
		s.move(10 * time.Second)
		Expect(enrol.Local(ctx, path, wallet())).To(Equal(pki.Identity{Kind: pki.KindUser, Name: "alice"}))
	})
})
