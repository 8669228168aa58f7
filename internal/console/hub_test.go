package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
)

// rig is a hub behind a server. Everybody may join; a machine is what the spec makes of it.
type rig struct {
	hub     *Hub
	server  *httptest.Server
	machine Source
	running atomic.Int32 // sources, of which there may be one at a time
	opened  atomic.Int32
	prints  io.Writer // of the machine that runs now
	typed   *gbytes.Buffer
	broken  chan error
	mu      sync.Mutex
}

func newRig(cfg Config) *rig {
	r := &rig{hub: NewHub(cfg), typed: gbytes.NewBuffer(), broken: make(chan error)}
	r.machine = Source{Run: func(ctx context.Context, in io.Reader, out io.Writer) error {
		if r.running.Add(1) > 1 {
			return errors.New("two at once")
		}
		defer r.running.Add(-1)
		r.opened.Add(1)
		r.mu.Lock()
		r.prints = out
		r.mu.Unlock()
		go func() { _, _ = io.Copy(r.typed, in) }()
		select {
		case err := <-r.broken:
			return err
		case <-ctx.Done():
			time.Sleep(20 * time.Millisecond) // it takes a while to let go
			return nil
		}
	}}
	r.server = httptest.NewServer(Handler(func(ctx context.Context, q Request) (*Member, error) {
		return r.hub.Join(ctx, q, r.machine)
	}, func(q *http.Request) (string, bool) { return q.Header.Get("User"), q.Header.Get("User") != "" }))
	DeferCleanup(func() { r.hub.Close(); r.server.Close(); Expect(r.running.Load()).To(BeZero()) })
	return r
}

func (r *rig) print(text string) {
	GinkgoHelper()
	Eventually(r.running.Load).Should(BeEquivalentTo(1))
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = io.WriteString(r.prints, text)
}

// user is somebody whose screen is read, notices in brackets, the end in braces.
type user struct {
	*Conn
	screen *gbytes.Buffer
}

type named string

func (n named) RoundTrip(q *http.Request) (*http.Response, error) {
	q.Header.Set("User", string(n))
	return http.DefaultTransport.RoundTrip(q)
}

func (r *rig) dial(name string, want Want) (*Conn, error) {
	return Dial(context.Background(), &http.Client{Transport: named(name)}, r.server.URL, Request{Node: "node-1", Want: want})
}

func (r *rig) comes(name string, want Want) *user {
	GinkgoHelper()
	conn, err := r.dial(name, want)
	Expect(err).NotTo(HaveOccurred())
	u := &user{conn, gbytes.NewBuffer()}
	DeferCleanup(conn.Close)
	go func() {
		for {
			data, notice, err := conn.Receive()
			if err != nil {
				fmt.Fprintf(u.screen, "{%s}", err)
				return
			}
			if notice != "" {
				notice = "[" + notice + "]"
			}
			fmt.Fprintf(u.screen, "%s%s", data, notice)
		}
	}()
	return u
}

func (u *user) sees(text string) {
	GinkgoHelper()
	Eventually(u.screen).Should(gbytes.Say("%s", strings.NewReplacer("[", `\[`, "{", `\{`).Replace(text)))
}

var _ = Describe("A console", func() {
	It("is open while somebody is there, once for all, and shows who comes later what was printed last", func() {
		r := newRig(Config{})
		ada := r.comes("ada", Write)
		r.print("booting\r\n")
		ada.sees("booting")
		bob := r.comes("bob", Read)
		bob.sees("booting")
		ada.Close()
		r.print("login: ")
		bob.sees("login: ")
		bob.Close()
		Eventually(r.running.Load).Should(BeZero())
		Expect(r.opened.Load()).To(BeEquivalentTo(1))
		r.comes("ada", Write).sees("[you write]") // the machine may still be letting go
		Eventually(r.opened.Load).Should(BeEquivalentTo(2))
	})

	It("has one who writes; others are told who it is, and may when he has left", func() {
		r := newRig(Config{})
		ada := r.comes("ada", Write)
		ada.sees("[you write]")
		bob := r.comes("bob", Write)
		bob.sees("[ada writes, you read]")
		_, err := r.dial("eve", Insist)
		Expect(err).To(Equal(&RefusedError{409, "ada writes on the console of node-1; it can be read meanwhile"}))

		Expect(bob.Type([]byte("bob's"))).To(Succeed())
		bob.sees("[ada writes, you read]")
		Expect(bob.Claim()).To(Succeed())
		bob.sees("[ada writes, you read]")
		Expect(ada.Type([]byte("ada's"))).To(Succeed())
		Eventually(r.typed).Should(gbytes.Say("ada's"))
		ada.Close()
		bob.sees("[ada has left; nobody writes]")
		Expect(bob.Claim()).To(Succeed())
		bob.sees("[you write]")
		Expect(bob.Type([]byte("whoami"))).To(Succeed())
		Eventually(r.typed).Should(gbytes.Say("whoami"))
		Expect(string(r.typed.Contents())).To(Equal("ada'swhoami"))
	})

	It("ends at once for whom it must, and says why; for others it goes on", func() {
		r := newRig(Config{})
		ada, bob := r.comes("ada", Write), r.comes("bob", Write)
		bob.sees("[ada writes, you read]")
		r.hub.End(func(user, node string) string {
			Expect(node).To(Equal("node-1"))
			if user == "ada" {
				return "root took node-1 from ada"
			}
			return ""
		})
		Expect(ada.Type([]byte("too late"))).To(Or(Succeed(), HaveOccurred()))
		ada.sees("{root took node-1 from ada}")
		bob.sees("[ada has left; nobody writes]")
		r.print("still here")
		bob.sees("still here")
		Expect(r.typed.Contents()).To(BeEmpty())
	})

	It("says why it ended by itself", func() {
		r := newRig(Config{})
		ada := r.comes("ada", Read)
		r.broken <- errors.New("no answer")
		ada.sees("{the console of node-1 has ended: no answer}")
	})

	It("of a server that stops ends with a line, and nobody comes any more", func() {
		r := newRig(Config{})
		ada := r.comes("ada", Write)
		r.print("x")
		r.hub.Close()
		Expect(r.running.Load()).To(BeZero())
		ada.sees("{the server is stopping}")
		_, err := r.dial("bob", Read)
		Expect(err).To(Equal(&RefusedError{503, "the server is stopping"}))
	})

	It("costs a slow reader what he does not take, of which he is told, and nobody else", func() {
		r := newRig(Config{Buffer: 128 << 10, Rate: 1 << 30})
		fast, err := r.dial("ada", Read)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(fast.Close)
		slow, err := r.dial("bob", Read)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(slow.Close)
		reads := func(c *Conn) (data, notice string) {
			GinkgoHelper()
			bytes, notice, err := c.Receive()
			Expect(err).NotTo(HaveOccurred())
			return string(bytes), notice
		}

		const chunk, chunks = 64 << 10, 400 // more than two sockets hold
		for range chunks {
			r.print(strings.Repeat("y", chunk))
			for got := 0; got < chunk; {
				data, notice := reads(fast)
				Expect(notice).NotTo(ContainSubstring("lost"))
				got += len(data)
			}
		}
		seen, lost := 0, 0
		for seen+lost < chunk*chunks {
			data, notice := reads(slow)
			n := 0
			_, _ = fmt.Sscanf(notice, "%d bytes lost", &n)
			seen, lost = seen+len(data), lost+n
		}
		Expect(lost).To(BeNumerically(">", 0))
		Expect(seen + lost).To(Equal(chunk * chunks))
		r.print("he has caught up")
		data, _ := reads(slow)
		Expect(data).To(Equal("he has caught up"))
	})

	It("is bounded: in users, in each one's consoles, and in bytes a second", func() {
		r := newRig(Config{Members: 3, PerUser: 2, Rate: kept})
		r.comes("ada", Read)
		r.comes("ada", Read)
		_, err := r.dial("ada", Read)
		Expect(err).To(Equal(&RefusedError{503, "ada has 2 consoles open: leave one"}))
		r.comes("bob", Read)
		_, err = r.dial("eve", Read)
		Expect(err).To(Equal(&RefusedError{503, "3 consoles are open: leave one, or try again later"}))
		start := time.Now()
		r.print(strings.Repeat("y", 2*kept))
		Expect(time.Since(start)).To(BeNumerically(">", 900*time.Millisecond))
	})

	It("that can only be read takes nothing", func() {
		r := newRig(Config{})
		r.machine.ReadOnly = true
		ada := r.comes("ada", Write)
		ada.sees("[this console can only be read]")
		Expect(ada.Type([]byte("x"))).To(Succeed())
		_, err := r.dial("bob", Insist)
		Expect(err).To(MatchError("the console of node-1 can only be read"))
		Expect(r.typed.Contents()).To(BeEmpty())
	})

	It("is no page of the web", func() {
		r := newRig(Config{})
		answer, err := (&http.Client{Transport: named("ada")}).Get(r.server.URL + PathPrefix + "node-1?want=read")
		Expect(err).NotTo(HaveOccurred())
		defer answer.Body.Close()
		Expect(answer.StatusCode).To(Equal(426))
		_, err = r.dial("", Read)
		Expect(err).To(Equal(&RefusedError{403, "who asks is not known here"}))
		_, err = r.dial("ada", "all")
		Expect(err).To(HaveField("Status", 400))
		Expect(r.opened.Load()).To(BeZero())
	})

	It("does not believe a frame that is too long", func() {
		_, err := readFrame(strings.NewReader("d\xff\xff"))
		Expect(err).To(MatchError(ContainSubstring("65535 bytes")))
	})
})
