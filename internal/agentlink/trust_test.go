package agentlink_test

import (
	"crypto/tls"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/pki"
)

// clock is set by hand.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) move(d time.Duration) { c.ahead.Add(int64(d)) }

func identity(id pki.Identity, err error) pki.Identity {
	GinkgoHelper()
	Expect(err).NotTo(HaveOccurred())
	return id
}

const unknown = "the server does not expect this boot: its token is unknown, was used or came too late"

var _ = Describe("A token", func() {
	It("gives the bearer a certificate of the node it was made for, and of no other", func() {
		d := open(nil)
		d.expect("node-1", "t1")
		d.expect("node-2", "t2")
		w := newWallet()
		Expect(enrol(d, "t2", w)).To(Succeed())
		Expect(w.Identity()).To(Equal(identity(pki.Node("node-2"))))
	})

	It("dies at its first use, whoever replays it", func() {
		d := open(nil)
		d.expect("node-1", "t1")
		w := newWallet()
		Expect(enrol(d, "t1", w)).To(Succeed())
		for _, again := range []*pki.Wallet{w, newWallet()} {
			err := enrol(d, "t1", again)
			Expect(status.Code(err)).To(Equal(codes.PermissionDenied))
			Expect(status.Convert(err).Message()).To(Equal(unknown))
		}
		Expect(connect(d, w).hello(hello())).To(Succeed(), "the one who came first is not harmed")
	})

	It("gives one of many who show it at once a certificate", func() {
		d := open(nil)
		d.expect("node-1", "t1")
		var good atomic.Int32
		var all sync.WaitGroup
		for range 20 {
			w := newWallet()
			request, err := w.CSR()
			Expect(err).NotTo(HaveOccurred())
			conn := line(d, nil)
			all.Go(func() {
				if _, err := ask(conn, &agentpb.EnrolRequest{Token: "t1", Request: request, Protocol: agentpb.Protocol}); err == nil {
					good.Add(1)
				}
			})
		}
		all.Wait()
		Expect(good.Load()).To(BeEquivalentTo(1))
	})

	It("is worth nothing after the deadline of its boot", func() {
		c := &clock{}
		d := open(func(cfg *agentlink.Config) { cfg.Boots = agentlink.NewBoots(c.now) })
		d.expect("node-1", "t1")
		c.move(2 * time.Minute)
		Expect(enrol(d, "t1", newWallet())).To(MatchError(ContainSubstring(unknown)))
	})

	It("is worth nothing once the next boot is expected, or none any more", func() {
		d := open(nil)
		d.expect("node-1", "t1")
		d.expect("node-1", "t2")
		Expect(enrol(d, "t1", newWallet())).To(MatchError(ContainSubstring(unknown)))
		d.boots.Forget("node-1")
		Expect(enrol(d, "t2", newWallet())).To(MatchError(ContainSubstring(unknown)))
	})

	DescribeTable("is not used up by a call that is refused",
		func(want codes.Code, change func(*agentpb.EnrolRequest)) {
			log := &notes{}
			d := open(func(c *agentlink.Config) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
			d.expect("node-1", "s3cret")
			w := newWallet()
			request, err := w.CSR()
			Expect(err).NotTo(HaveOccurred())
			r := &agentpb.EnrolRequest{Token: "s3cret", Request: request, Protocol: agentpb.Protocol}
			change(r)
			_, err = ask(line(d, nil), r)
			Expect(status.Code(err)).To(Equal(want), "%v", err)
			Expect(err.Error()).NotTo(ContainSubstring("s3cret"))
			Expect(log.String()).NotTo(ContainSubstring("s3cret"))
			Expect(enrol(d, "s3cret", w)).To(Succeed())
		},
		Entry("for another protocol", codes.FailedPrecondition, func(r *agentpb.EnrolRequest) { r.Protocol = 1 }),
		Entry("for no token", codes.InvalidArgument, func(r *agentpb.EnrolRequest) { r.Token = "" }),
		Entry("for a token of a kilobyte", codes.InvalidArgument, func(r *agentpb.EnrolRequest) { r.Token = strings.Repeat("s3cret", 200) }),
		Entry("for a token that is none", codes.PermissionDenied, func(r *agentpb.EnrolRequest) { r.Token = "s3cre" }),
		Entry("for no request", codes.InvalidArgument, func(r *agentpb.EnrolRequest) { r.Request = nil }),
		Entry("for a request that was cut", codes.InvalidArgument, func(r *agentpb.EnrolRequest) { r.Request = r.Request[:len(r.Request)-1] }),
		Entry("for a request that its key has not signed", codes.InvalidArgument, func(r *agentpb.EnrolRequest) { r.Request[len(r.Request)-1] ^= 1 }),
		Entry("for a request that is too long", codes.InvalidArgument, func(r *agentpb.EnrolRequest) { r.Request = make([]byte, 60<<10) }),
		Entry("for more than a message may hold", codes.ResourceExhausted, func(r *agentpb.EnrolRequest) { r.Request = make([]byte, agentpb.MaxReport) }),
	)

	It("can be guessed once for a connection", func() {
		d := open(nil)
		request, err := newWallet().CSR()
		Expect(err).NotTo(HaveOccurred())
		conn := line(d, nil)
		guess := &agentpb.EnrolRequest{Token: "guess", Request: request, Protocol: agentpb.Protocol}
		_, err = ask(conn, guess)
		Expect(status.Code(err)).To(Equal(codes.PermissionDenied))
		_, err = ask(conn, guess)
		Expect(status.Code(err)).To(Equal(codes.ResourceExhausted))
	})

	It("cannot be made for what is no node's name", func() {
		Expect(agentlink.NewBoots(nil).Expect("no/node", "t1", time.Now().Add(time.Minute))).NotTo(Succeed())
		Expect(agentlink.NewBoots(nil).Expect("node-1", "", time.Now().Add(time.Minute))).NotTo(Succeed())
	})
})

var _ = Describe("A stream", func() {
	var (
		d   *desk
		c   *clock
		log *notes
	)
	BeforeEach(func() {
		c, log = &clock{}, &notes{}
		d = open(func(cfg *agentlink.Config) {
			cfg.Boots = agentlink.NewBoots(c.now)
			cfg.Log = slog.New(slog.NewTextHandler(log, nil))
			var err error
			cfg.Authority, err = pki.Open(pki.Config{Dir: filepath.Join(GinkgoT().TempDir(), "pki"), NodeLife: time.Hour, Now: c.now})
			Expect(err).NotTo(HaveOccurred())
		})
	})
	// says is one line for the agent, and a line of the log.
	says := func(w *pki.Wallet, code codes.Code, text string) {
		GinkgoHelper()
		err := refused(d, w)
		Expect(status.Code(err)).To(Equal(code), "%v", err)
		Expect(status.Convert(err).Message()).To(Equal(text))
		Eventually(log.String, "5s").Should(ContainSubstring(text))
		Expect(d.left()).To(BeEmpty())
	}

	It("is for those who have enrolled", func() {
		d.expect("node-1", "t1")
		says(nil, codes.Unauthenticated, "this call needs the certificate of a node: enrol first")
	})

	It("is one for a boot at a time: a second is refused while the first lives, and welcome afterwards, however late", func() {
		w := enrolled(d, "node-1")
		p := connect(d, w)
		Expect(p.hello(hello())).To(Succeed())
		says(w, codes.AlreadyExists, "this boot has a stream already: there is one at a time")
		Consistently(d.session(1).Done(), "50ms").ShouldNot(BeClosed())
		p.conn.Close()
		Eventually(d.left, "5s").Should(ConsistOf(MatchError(agentlink.ErrAway)))
		c.move(10 * time.Minute)
		Eventually(func() error { return connect(d, w).hello(hello()) }, "5s").Should(Succeed())
		Expect(d.session(2).Boot()).To(Equal(d.session(1).Boot()))
		Expect(d.session(2).Certificate()).To(Equal(d.session(1).Certificate()))
	})

	It("is for a boot that a server before has seen call, and for no other certificate of its node", func() {
		w := enrolled(d, "node-1")
		Expect(connect(d, w).hello(hello())).To(Succeed())
		seen := d.session(1).Certificate()
		d.boots.Forget("node-1")
		c.move(10 * time.Minute)
		d.boots.Restore("node-1", agentlink.Expected{Certificate: seen})
		Expect(refused(d, certified(d.authority, identity(pki.Node("node-1"))))).To(MatchError(ContainSubstring("is not the one of the present boot of node node-1")))
		Expect(enrol(d, "t1", newWallet())).NotTo(Succeed())
		Expect(connect(d, w).hello(hello())).To(Succeed())
	})

	It("is tried again by an agent that was not welcomed yet", func() {
		w := enrolled(d, "node-1")
		connect(d, w).conn.Close()
		Expect(connect(d, w).hello(hello())).To(Succeed())
	})

	It("is not for the certificate of an earlier boot", func() {
		w := enrolled(d, "node-1")
		enrolled(d, "node-1")
		says(w, codes.PermissionDenied, "the certificate is not the one of the present boot of node node-1")
	})

	It("is not for the certificate of an earlier boot while the present one has not enrolled", func() {
		w := enrolled(d, "node-1")
		d.expect("node-1", "t2")
		says(w, codes.PermissionDenied, "the certificate is not the one of the present boot of node node-1")
	})

	It("is not for a node that nobody expects any more", func() {
		w := enrolled(d, "node-1")
		d.boots.Forget("node-1")
		says(w, codes.PermissionDenied, "nobody expects node node-1 to call")
	})

	It("is not for a boot that calls too late", func() {
		w := enrolled(d, "node-1")
		c.move(2 * time.Minute)
		says(w, codes.PermissionDenied, "node node-1 calls too late after its boot")
	})

	It("is not for another node, though both are expected", func() {
		enrolled(d, "node-1")
		w := certified(d.authority, identity(pki.Node("node-1")))
		says(w, codes.PermissionDenied, "the certificate is not the one of the present boot of node node-1")
		other := certified(d.authority, identity(pki.Node("node-2")))
		says(other, codes.PermissionDenied, "nobody expects node node-2 to call")
	})

	It("is not for users, whatever they are called", func() {
		enrolled(d, "node-1")
		w := certified(d.authority, identity(pki.User("node-1")))
		says(w, codes.PermissionDenied, "only agents of nodes speak here, not ka://user/node-1")
	})

	Describe("whose certificate is not good", func() {
		It("because it has expired", func() {
			w := enrolled(d, "node-1")
			c.move(2 * time.Hour)
			err := refused(d, w)
			Expect(status.Code(err)).To(Equal(codes.PermissionDenied))
			Expect(err).To(MatchError(ContainSubstring("the certificate has expired, or is not good yet: it is good from ")))
			Expect(log.String()).To(ContainSubstring("the certificate has expired"))
		})

		It("because it is denied, is refused; one that is given later is good", func() {
			w := enrolled(d, "node-1")
			Expect(d.authority.Deny(identity(pki.Node("node-1")), "stolen")).To(Succeed())
			Expect(refused(d, w)).To(MatchError(MatchRegexp("the certificate was revoked: ka://node/node-1 since .*: stolen")))
			Expect(connect(d, enrolled(d, "node-1")).hello(hello())).To(Succeed())
		})

		It("because it is of another authority, is refused", func() {
			other, err := pki.Open(pki.Config{Dir: filepath.Join(GinkgoT().TempDir(), "other")})
			Expect(err).NotTo(HaveOccurred())
			enrolled(d, "node-1")
			says(certified(other, identity(pki.Node("node-1"))), codes.PermissionDenied, "the certificate is not of this authority")
		})

		It("because it is the daemon's own, shown by who has stolen it, is refused", func() {
			cert, err := d.authority.Server(nil)(nil)
			Expect(err).NotTo(HaveOccurred())
			config, err := pki.PinnedTLS(d.authority.Pin())
			Expect(err).NotTo(HaveOccurred())
			config.Certificates = []tls.Certificate{*cert}
			conn, err := grpc.NewClient("passthrough:///"+d.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(config)), grpc.WithNoProxy())
			Expect(err).NotTo(HaveOccurred())
			defer conn.Close()
			Expect(refusedOver(conn)).To(MatchError(ContainSubstring("only agents of nodes speak here, not ka://daemon")))
		})
	})

	It("is not for those who speak plaintext", func() {
		conn, err := grpc.NewClient("passthrough:///"+d.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
		Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		_, err = ask(conn, &agentpb.EnrolRequest{Token: "t1", Protocol: agentpb.Protocol})
		Expect(status.Code(err)).To(Equal(codes.Unavailable))
	})

	DescribeTable("is not for those who speak TLS as it was, nor something else in it",
		func(config *tls.Config, want string) {
			config.InsecureSkipVerify = true
			conn, err := tls.Dial("tcp", d.Addr().String(), config)
			if err == nil {
				_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
				_, err = conn.Read(make([]byte, 1))
				conn.Close()
			}
			Expect(err).To(MatchError(ContainSubstring(want)))
		},
		Entry("1.2", &tls.Config{MaxVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}, "protocol version"),
		Entry("HTTP/1.1", &tls.Config{NextProtos: []string{"http/1.1"}}, "EOF"),
		Entry("what is not known", &tls.Config{NextProtos: []string{"tea"}}, "no application protocol"),
		Entry("nothing that it would say", &tls.Config{}, "EOF"),
	)

	It("of an agent whose token another has used is refused, and that is in the log", func() {
		d.expect("node-1", "t1")
		Expect(enrol(d, "t1", newWallet())).To(Succeed(), "the thief")
		Expect(enrol(d, "t1", newWallet())).NotTo(Succeed())
		Expect(log.String()).To(ContainSubstring("not enrolled"))
	})
})

var _ = Describe("A boot that nobody waits for", func() {
	It("has no number that counts", func() {
		b := agentlink.NewBoots(nil)
		Expect(b.Current("node-1", 0)).To(BeFalse())
		Expect(b.Expect("node-1", "t1", time.Now().Add(time.Minute))).To(Succeed())
		Expect(b.Current("node-1", 1)).To(BeTrue())
		b.Forget("node-1")
		b.Forget("node-1")
		Expect(b.Current("node-1", 1)).To(BeFalse())
	})
})
