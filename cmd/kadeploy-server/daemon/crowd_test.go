package daemon_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

// hello is how a client begins TLS.
func hello() []byte {
	GinkgoHelper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		_ = tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}).Handshake() // it fails
		theirs.Close()
	}()
	b := make([]byte, 64<<10)
	n, err := ours.Read(b)
	Expect(err).NotTo(HaveOccurred())
	return b[:n]
}

// crowd opens connections that say first, and nothing more, as fast as they go. It returns those that were let in.
func crowd(server string, n int, first []byte) []net.Conn {
	conns := make([]net.Conn, n)
	var wg sync.WaitGroup
	const at = 16
	for k := range at {
		wg.Go(func() {
			for i := k; i < n; i += at {
				if c, err := net.DialTimeout("tcp", server, 10*time.Second); err == nil {
					_, _ = c.Write(first)
					conns[i] = c
				}
			}
		})
	}
	wg.Wait()
	return conns
}

func hangUp(conns []net.Conn) {
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
}

// standing counts the connections that the other side has not closed.
func standing(conns []net.Conn) int {
	n := 0
	for _, c := range conns {
		if c == nil {
			continue
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		var slow net.Error
		if _, err := io.Copy(io.Discard, c); errors.As(err, &slow) && slow.Timeout() {
			n++
		}
	}
	return n
}

// while calls fn again and again until work is done.
func while(work func(), fn func()) {
	done := make(chan struct{})
	go func() { defer close(done); work() }()
	for {
		fn()
		select {
		case <-done:
			return
		default:
		}
	}
}

var _ = Describe("A legal client is answered", func() {
	DescribeTable("before, while and after strangers open connections", func(n int, first func() []byte) {
		d := openDoor(4, time.Second)
		root := d.root()
		d.alive(root)
		before := d.facts()
		begin := first()
		var all []net.Conn
		while(func() { all = crowd(d.server, n, begin) }, func() { d.alive(root) })
		DeferCleanup(func() { hangUp(all) })
		d.alive(root)
		Eventually(func() int { return standing(all) }).Should(BeNumerically("<=", 1024))
		d.alive(root)
		hangUp(all)
		Eventually(func() int { return d.facts().goroutines }).Should(BeNumerically("<=", before.goroutines+3))
		Expect(d.facts().heap).To(BeNumerically("<", before.heap+some))
		Expect(d.facts().actors).To(Equal(before.actors))
		d.alive(root)
	},
		Entry("10,000 that say nothing", 10_000, func() []byte { return nil }),
		Entry("1,000 that stop in the middle of TLS", 1_000, hello),
	)

	It("when many commands of one user start at once: each gets its certificate in the end", func() {
		d := openDoor(4, time.Second)
		var all []*user
		for range 60 {
			all = append(all, comes(d.server, d.socket()))
		}
		for _, u := range all {
			next(u.session, `dialled\n`)
			u.ask("nodes 4 .*", "nodes")
		}
		for _, u := range all {
			u.leaves()
		}
		d.alive(d.root())
	})

	It("while 200 clients come and go under a deployment; then nothing of them is left", func() {
		d := openDoor(100, 6*time.Second)
		root := d.root()
		root.say("watch %s 0s", root.deploys(d, 100)) // without clients, for comparison: the machines are a part of the daemon
		Expect(next(root.session, `ended \w+\n`)).To(Equal("ended ALL_OK"))
		d.alive(root)
		before := d.facts()
		id := root.deploys(d, 100)
		const clients, at = 200, 8
		var wg sync.WaitGroup
		work := func() {
			for k := range at {
				wg.Go(func() {
					defer GinkgoRecover()
					for i := k; i < clients; i += at {
						u := comes(d.server, d.socket())
						next(u.session, `dialled\n`)
						u.say("watch %s 0s", id)
						next(u.session, `event 1\n`)
						if i%2 == 0 {
							u.killed()
						} else {
							u.stdin.Close()
							u.session.Terminate().Wait("30s")
						}
					}
				})
			}
			wg.Wait()
		}
		while(work, func() { d.alive(root) })
		Expect(root.ask(`running .*`, "running")).To(ContainSubstring(id), "the deployment ended before: the spec says nothing")
		Eventually(d.sessions, "15s").Should(BeZero())
		root.say("watch %s 0s", id)
		Expect(next(root.session, `ended \w+\n`)).To(Equal("ended ALL_OK"))
		Eventually(func() int { return d.facts().actors }).Should(Equal(before.actors))
		Eventually(func() int { return d.facts().goroutines }).Should(BeNumerically("<=", before.goroutines+5), fmt.Sprint(d.facts()))
		Expect(d.facts().heap).To(BeNumerically("<", before.heap+some))
		d.alive(root)
		Expect(d.session).NotTo(gexec.Exit())
	})
})
