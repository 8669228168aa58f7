package daemon_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/client"
)

const all4 = "node-1,node-2,node-3,node-4"

// enrols makes somebody a user who may use all nodes, and returns where his certificate is.
func (d *door) enrols(root *user, name string) string {
	GinkgoHelper()
	root.ask("granted", "grant %s", name)
	return d.enrolsPoor(root, name)
}

// enrolsPoor is enrols for one who may use no nodes.
func (d *door) enrolsPoor(root *user, name string) string {
	GinkgoHelper()
	words := strings.Fields(root.ask("token .*", "enrol %s", name))
	dir := filepath.Join(d.dir, "of-"+name)
	Expect(client.Login(context.Background(), client.LoginConfig{Server: d.server, Token: words[1], Pin: words[3], Dir: dir})).To(Equal(name))
	return dir
}

var operations = regexp.MustCompile(`\bD-\w+`)

// consistent expects at most one operation that runs, which holds all nodes or, when there is none, nobody. It returns it.
func (d *door) consistent(root *user) string {
	GinkgoHelper()
	running := operations.FindAllString(root.ask("running .*", "running"), -1)
	held := operations.FindAllString(root.ask("held .*", "held"), -1)
	if len(running) == 0 {
		Expect(held).To(BeEmpty())
		return ""
	}
	Expect(running).To(HaveLen(1))
	Expect(held).To(Equal([]string{running[0], running[0], running[0], running[0]}))
	return running[0]
}

// begins waits until an operation runs.
func begins(root *user) {
	GinkgoHelper()
	Eventually(func() string { return root.ask("running .*", "running") }).Should(MatchRegexp(operations.String()))
}

var _ = Describe("A submission", Ordered, Label(shared), func() {
	var (
		d    *door
		root *user
		bob  string
		env  string // of an image that the server may read
		far  string // of one that has to be uploaded
		base facts
	)
	BeforeAll(func() {
		d = openDoor(4, 20*time.Second)
		root = d.root()
		bob = d.enrols(root, "bob")
		env, far = filepath.Join(d.dir, "tiny.env"), filepath.Join(d.dir, "far", "far.env")
		d.file("far/far.env", description("far.tar"))
		d.file("far/far.tar", system())
		Expect(os.Truncate(filepath.Join(d.dir, "far", "far.tar"), 64<<20)).To(Succeed())
		d.alive(root)
		base = d.facts()
	})

	// gone ends what a client has left, and expects that nothing of it is left then.
	gone := func(id string) {
		GinkgoHelper()
		if id != "" {
			root.ask("cancelled", "cancel %s", id)
		}
		Eventually(func() string { return root.ask("held .*", "held") }).Should(Equal("held []"))
		Eventually(d.sessions, "15s").Should(BeZero())
		Eventually(func() int { return d.facts().actors }).Should(Equal(base.actors))
	}

	DescribeTable("of a client that is killed leaves one operation or none,", func(up, down int, begun bool, until func(*user, *proxy)) {
		p := newProxy(d.server, up, down)
		u := comes(p.address(), bob)
		until(u, p)
		u.killed()
		d.alive(root)
		id := d.consistent(root)
		Expect(id != "").To(Equal(begun))
		p.close()
		d.alive(root)
		Expect(d.consistent(root)).To(Equal(id))
		gone(id)
		d.alive(root)
	},
		Entry("before TLS", 0, 0, false, func(_ *user, p *proxy) { Eventually(p.knocks).Should(BeNumerically(">", 0)) }),
		Entry("in the middle of TLS", 1, everything, false, func(_ *user, p *proxy) { Eventually(p.held).Should(BeNumerically(">", 0)) }),
		Entry("when it is in", everything, everything, false, func(u *user, _ *proxy) { next(u.session, `dialled\n`) }),
		Entry("when its request is under way", everything, everything, false, func(u *user, p *proxy) {
			u.ask("nodes .*", "nodes")
			p.allow(0, everything)
			u.say("submit %s %s", env, all4)
			Eventually(p.held).Should(BeNumerically(">", 0))
		}),
		Entry("when its request is there, before it hears so", everything, everything, true, func(u *user, p *proxy) {
			u.ask("nodes .*", "nodes")
			p.allow(everything, 0)
			u.say("submit %s %s", env, all4)
			begins(root)
		}),
		Entry("when it was accepted", everything, everything, true, func(u *user, _ *proxy) { u.ask("accepted .*", "submit %s %s", env, all4) }),
		Entry("while it uploads", 200, everything, false, func(u *user, p *proxy) {
			u.say("submit %s %s", far, all4)
			next(u.session, `sending\n`)
			Eventually(p.held).Should(BeNumerically(">", 0))
		}),
		Entry("while it watches", everything, everything, true, func(u *user, _ *proxy) {
			u.say("watch %s 0s", strings.TrimPrefix(u.ask("accepted .*", "submit %s %s", env, all4), "accepted "))
			next(u.session, `event 3\n`)
		}),
	)

	It("that is sent again and again, because no answer comes, begins one operation", func() {
		p := newProxy(d.server, everything, everything)
		u := comes(p.address(), bob)
		u.ask("nodes .*", "nodes")
		p.allow(everything, 0)
		u.say("submit %s %s", env, all4)
		begins(root)
		id := d.consistent(root)
		knocks := p.knocks()
		Eventually(p.knocks).Should(BeNumerically(">", knocks+1), "the client looks whether the server is there before it sends again")
		p.allow(everything, everything)
		Expect(next(u.session, `(accepted|error) .*\n`)).To(Equal("accepted " + id))
		Expect(d.consistent(root)).To(Equal(id))
		u.leaves()
		gone(id)
	})

	It("that comes after its deadline begins nothing", func() {
		p := newProxy(d.server, everything, everything)
		u := comes(p.address(), bob)
		u.ask("nodes .*", "nodes")
		before := root.ask("running .*", "running")
		p.allow(0, everything)
		Expect(u.ask("(accepted|error) .*", "submit %s %s 500ms", env, all4)).To(ContainSubstring("deadline"))
		p.allow(everything, everything)
		u.ask("nodes .*", "nodes") // it came after the request
		Expect(root.ask("running .*", "running")).To(Equal(before))
		Expect(d.consistent(root)).To(BeEmpty())
		u.leaves()
	})

	It("is its user's: nobody else may watch or cancel it", func() {
		u := comes(d.server, bob)
		id := strings.TrimPrefix(u.ask("accepted .*", "submit %s %s", env, all4), "accepted ")
		carol := comes(d.server, d.enrolsPoor(root, "carol"))
		Expect(carol.ask("(ended|error) .*", "watch %s 0s", id)).To(ContainSubstring("belongs to bob"))
		Expect(carol.ask("(cancelled|error.*)", "cancel %s", id)).To(ContainSubstring("belongs to bob"))
		Expect(carol.ask("running .*", "running")).To(Equal("running [] of 0"))
		Expect(d.consistent(root)).To(Equal(id))
		carol.leaves()
		u.leaves()
		gone(id)
	})
})
