package catalogue_test

import (
	"errors"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/catalogue"
)

var _ = Describe("Changing", func() {
	shown := func(c *catalogue.Catalogue) (names []string) {
		for _, e := range c.Environments() {
			names = append(names, e.String()+" "+e.Visibility)
		}
		return names
	}

	It("puts what is changed in the place of what was, and nothing else", func() {
		c := of("debian:1 alice private", "debian:2 alice private")
		found, err := c.Owned(alice, query("debian:1", ""), "changed")
		Expect(err).NotTo(HaveOccurred())
		now, err := found[0].Visible(alice, catalogue.Shared)
		Expect(err).NotTo(HaveOccurred())
		next, err := c.Replace([]catalogue.Change{{Was: found[0], Now: now}})
		Expect(err).NotTo(HaveOccurred())
		Expect(shown(next)).To(Equal([]string{"debian:2 of alice private", "debian:1 of alice shared"}))
		Expect(shown(c)).To(Equal([]string{"debian:2 of alice private", "debian:1 of alice private"}), "a catalogue is never changed")

		_, err = next.Replace([]catalogue.Change{{Was: found[0], Now: now}})
		Expect(err).To(MatchError(catalogue.ErrOutdated))
		_, err = of().Replace([]catalogue.Change{{Was: found[0], Now: now}})
		Expect(err).To(MatchError(catalogue.ErrOutdated))
		other := now
		other.Version = 3
		_, err = c.Replace([]catalogue.Change{{Was: found[0], Now: other}})
		Expect(err).To(MatchError(catalogue.ErrOutdated))
	})

	It("makes nothing public but for admins", func() {
		e := env("debian:1 alice private")
		_, err := e.Visible(alice, catalogue.Public)
		var no *catalogue.ForbiddenError
		Expect(errors.As(err, &no)).To(BeTrue())
		now, err := e.Visible(root, catalogue.Public)
		Expect(err).NotTo(HaveOccurred())
		Expect(now.Visibility).To(Equal(catalogue.Public))
		_, err = e.Visible(root, "open")
		Expect(err).To(MatchError(ContainSubstring("known: public, shared, private")))
	})

	It("is for the owner and admins, and of the newest where the next version is made of it", func() {
		c := of(site...)
		_, err := c.NewestOwned(alice, query("lab", "bob"), "updated")
		Expect(err).To(MatchError("lab:1 of bob may be updated by its owner and by admins"))
		_, err = c.NewestOwned(bob, query("lab:1", ""), "updated")
		Expect(err).To(MatchError(HavePrefix("lab:1 of bob is not the newest, 2 is")))
		e, err := c.NewestOwned(root, query("lab", "bob"), "updated")
		Expect(err).NotTo(HaveOccurred())
		Expect(e.String()).To(Equal("lab:2 of bob"))
	})
})

var _ = Describe("Files that are moved", func() {
	DescribeTable("are written as FROM and TO", func(text, from, to string) {
		Expect(catalogue.ParseMove(text)).To(Equal(catalogue.Move{From: from, To: to}))
	},
		Entry("with two colons", "/a:b=c::/d", "/a:b=c", "/d"),
		Entry("with an equals sign", "/a=/b", "/a", "/b"),
		Entry("with one colon", "/a:/b", "/a", "/b"),
		Entry("at URLs", "http://old:80/x=https://new/x", "http://old:80/x", "https://new/x"),
	)

	DescribeTable("are refused when that is not clear", func(text, why string) {
		_, err := catalogue.ParseMove(text)
		Expect(err).To(MatchError(ContainSubstring(why)))
	},
		Entry("no sign", "/a /b", "write FROM=TO or FROM::TO"),
		Entry("relative", "a=/b", `"a" in a move is neither an absolute path nor a URL`),
		Entry("nothing", "/a=", `"" in a move is neither an absolute path nor a URL`),
		Entry("what steers terminals", "/a=/\x1b", "control character"),
	)

	It("are so many at most", func() {
		Expect(catalogue.CheckMoves(nil)).NotTo(Succeed())
		Expect(catalogue.CheckMoves(make([]catalogue.Move, catalogue.MaxMoves+1))).To(MatchError("101 moves at once, at most 100 are made"))
		Expect(catalogue.CheckMoves([]catalogue.Move{{From: "/a", To: "b"}})).NotTo(Succeed())
	})

	It("are the file itself or those below a directory, by the first move that concerns them, and none that was uploaded", func() {
		e := catalogue.Environment{Files: []catalogue.File{{Path: "/srv/up.tgz", Uploaded: true}}}
		moves := []catalogue.Move{{From: "/srv/a", To: "/one"}, {From: "/srv/", To: "/two"}, {From: "http://s/i", To: "/srv/i/"}}
		for was, now := range map[string]string{
			"/srv/a": "/one", "/srv/a/x": "/one/x", "/srv/ab": "/two/ab", "/srv": "/srv", "/srv/up.tgz": "/srv/up.tgz",
			"http://s/i/x.tgz": "/srv/i/x.tgz", "/home/srv/a": "/home/srv/a",
		} {
			Expect(e.Moved(was, moves)).To(Equal(now), was)
		}
	})

	It("concern the environments that name them", func() {
		with := func(name string, f catalogue.File) catalogue.Environment {
			return catalogue.Environment{Name: name, Owner: "alice", Files: []catalogue.File{{Path: "/else/x"}, f}}
		}
		c := catalogue.New([]catalogue.Environment{
			with("a", catalogue.File{Path: "/srv/x"}), with("b", catalogue.File{Path: "/srv/x", Uploaded: true}), with("c", catalogue.File{Path: "/srvx"})})
		found := c.Concerned([]catalogue.Move{{From: "/srv", To: "/new"}})
		Expect(found).To(HaveLen(1))
		Expect(found[0].Name).To(Equal("a"))
	})
})

var _ = It("A catalogue that is full takes no longer texts", func() {
	e := env("debian:1 alice private")
	big := e
	big.Text = []byte(strings.Repeat("x", catalogue.MaxText+1))
	_, err := catalogue.New([]catalogue.Environment{e}).Replace([]catalogue.Change{{Was: e, Now: big}})
	Expect(err).To(MatchError(ContainSubstring("the catalogue is full")))
})
