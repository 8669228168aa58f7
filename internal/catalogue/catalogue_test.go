package catalogue_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/catalogue"
)

func TestCatalogue(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Catalogue")
}

var (
	alice = catalogue.Asker{User: "alice"}
	bob   = catalogue.Asker{User: "bob"}
	root  = catalogue.Asker{User: "root", Admin: true}
)

// env is "NAME:VERSION OWNER VISIBILITY".
func env(words string) catalogue.Environment {
	GinkgoHelper()
	var ref string
	var e catalogue.Environment
	_, err := fmt.Sscan(words, &ref, &e.Owner, &e.Visibility)
	Expect(err).NotTo(HaveOccurred())
	e.Name, e.Version, err = catalogue.ParseRef(ref)
	Expect(err).NotTo(HaveOccurred())
	return e
}

func of(words ...string) *catalogue.Catalogue {
	GinkgoHelper()
	var all []catalogue.Environment
	for _, w := range words {
		all = append(all, env(w))
	}
	return catalogue.New(all)
}

func query(ref, owner string) catalogue.Query {
	GinkgoHelper()
	name, version, err := catalogue.ParseRef(ref)
	Expect(err).NotTo(HaveOccurred())
	return catalogue.Query{Name: name, Owner: owner, Version: version}
}

var site = []string{
	"debian:1 alice private", "debian:2 alice shared", "debian:9 root public", "debian:10 root public", "ubuntu:1 root public",
	"ubuntu:1 bob private", "secret:1 bob private", "lab:1 bob shared", "lab:2 bob private", "twice:1 root public", "twice:1 eve public",
}

var _ = Describe("A name", func() {
	DescribeTable("means", func(by catalogue.Asker, ref, owner, want string) {
		e, err := of(site...).Find(by, query(ref, owner))
		Expect(err).NotTo(HaveOccurred())
		Expect(e.String()).To(Equal(want))
	},
		Entry("one's own first, the newest version", alice, "debian", "", "debian:2 of alice"),
		Entry("one's own private one", bob, "ubuntu", "", "ubuntu:1 of bob"),
		Entry("a version of one's own", alice, "debian:1", "", "debian:1 of alice"),
		Entry("else the public one, whose version 10 is newer than 9", bob, "debian", "", "debian:10 of root"),
		Entry("of a named owner his", alice, "debian", "root", "debian:10 of root"),
		Entry("of a named owner the newest that he shares", alice, "lab", "bob", "lab:1 of bob"),
		Entry("to an admin everything of a named owner", root, "lab", "bob", "lab:2 of bob"),
		Entry("of public ones of several owners that of the named", alice, "twice", "eve", "twice:1 of eve"),
	)

	DescribeTable("that means nothing is answered with what was meant", func(by catalogue.Asker, ref, owner, why string) {
		_, err := of(site...).Find(by, query(ref, owner))
		var unknown *catalogue.UnknownError
		Expect(errors.As(err, &unknown)).To(BeTrue())
		Expect(err).To(MatchError(why))
	},
		Entry("a typing error", bob, "debain", "", `no environment "debain": did you mean "debian"?`),
		Entry("one of one's own", bob, "secert", "", `no environment "secert": did you mean "secret"?`),
		Entry("what others have for themselves is not suggested", alice, "secret", "", `no environment "secret" (see kadeploy env list)`),
		Entry("nor is it there when they are named", alice, "secret", "bob", `bob has no environment "secret" that you may use (see kadeploy env list)`),
		Entry("what others share", alice, "lab", "", `no environment "lab"; bob has one: say -u bob`),
		Entry("another owner", alice, "ubuntu", "bob", `bob has no environment "ubuntu" that you may use; root has one: say -u root`),
		Entry("a version", alice, "debian:7", "", `no version 7 of "debian": alice has version 2, 1`),
		Entry("a version that the owner has for himself", alice, "lab:2", "bob", `no version 2 of "lab": bob has version 1`),
		Entry("one of several owners", alice, "twice", "", `2 users have a public environment "twice": say -u with one of eve, root`),
		Entry("nothing like it", alice, "x", "", `no environment "x" (see kadeploy env list)`),
	)

	DescribeTable("is read with its version", func(text, name string, version int) {
		n, v, err := catalogue.ParseRef(text)
		Expect(err).NotTo(HaveOccurred())
		Expect(n).To(Equal(name))
		Expect(v).To(Equal(version))
	},
		Entry(nil, "debian", "debian", catalogue.Newest), Entry(nil, "debian:0", "debian", 0), Entry(nil, "a:b:12", "a:b", 12),
		Entry(nil, "with blanks:1", "with blanks", 1), Entry(nil, "a:b", "a:b", catalogue.Newest), Entry(nil, "groß/klein", "groß/klein", catalogue.Newest),
	)

	DescribeTable("cannot be", func(name string) {
		Expect(catalogue.CheckName(name)).NotTo(Succeed())
	},
		Entry("empty", ""), Entry("longer than it may be", strings.Repeat("x", 256)), Entry("on two lines", "a\nb"), Entry("with a blank at its end", "a "),
		Entry("taken for a version", "a:1"), Entry("no text", "\xff"),
	)
})

var _ = Describe("Adding", func() {
	add := func(c *catalogue.Catalogue, by catalogue.Asker, words string, versioned bool) (*catalogue.Catalogue, catalogue.Environment, error) {
		GinkgoHelper()
		return c.Add(by, env(words), versioned)
	}

	It("gives the next version of one's own of that name, from 1", func() {
		c := of("debian:10 root public")
		for want := 1; want <= 3; want++ {
			next, e, err := add(c, alice, "debian:0 x private", false)
			Expect(err).NotTo(HaveOccurred())
			Expect(e.String()).To(Equal(fmt.Sprintf("debian:%d of alice", want)))
			c = next
		}
		Expect(c.Environments()).To(HaveLen(4))
	})

	It("leaves the catalogue that it was asked of as it is", func() {
		c := of("debian:1 alice private")
		_, _, err := add(c, alice, "debian:2 alice private", true)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Environments()).To(HaveLen(1))
	})

	It("takes a version that is named, once", func() {
		c, e, err := add(of("debian:3 alice private"), alice, "debian:1 x private", true)
		Expect(err).NotTo(HaveOccurred())
		Expect(e.Version).To(Equal(1))
		_, _, err = add(c, alice, "debian:1 x private", true)
		Expect(err).To(MatchError("debian:1 of alice is there already: remove it first, or give another version in the description, the next is 4"))
		_, _, err = add(c, bob, "debian:1 x private", true)
		Expect(err).NotTo(HaveOccurred())
	})

	It("of public ones is for admins", func() {
		_, _, err := add(of(), alice, "debian:1 x public", true)
		var forbidden *catalogue.ForbiddenError
		Expect(errors.As(err, &forbidden)).To(BeTrue())
		_, e, err := add(of(), root, "debian:1 x public", true)
		Expect(err).NotTo(HaveOccurred())
		Expect(e.Owner).To(Equal("root"), "whatever the entry says")
	})

	It("is bounded", func() {
		var all []catalogue.Environment
		for i := range catalogue.MaxPerOwner {
			all = append(all, catalogue.Environment{Name: "x", Version: i, Owner: "alice"})
		}
		_, _, err := add(catalogue.New(all), alice, "debian:1 x private", true)
		Expect(err).To(MatchError(ContainSubstring("no one may have more")))
		big := env("big:1 bob private")
		big.Text = make([]byte, catalogue.MaxText)
		_, _, err = add(catalogue.New([]catalogue.Environment{big}), alice, "debian:1 x private", true)
		Expect(err).NotTo(HaveOccurred())
		more := env("debian:1 alice private")
		more.Text = []byte("x")
		_, _, err = catalogue.New([]catalogue.Environment{big}).Add(alice, more, true)
		Expect(err).To(MatchError(ContainSubstring("the catalogue is full")))
	})

	It("takes no visibility that nobody knows", func() {
		_, _, err := of().Add(root, env("x:1 root open"), true)
		Expect(err).To(MatchError(ContainSubstring("known: public, shared, private")))
	})
})

var _ = Describe("Removing", func() {
	DescribeTable("takes away", func(by catalogue.Asker, ref, owner string, all bool, want ...string) {
		c, q := of(site...), query(ref, owner)
		if all {
			q.Version = catalogue.All
		}
		next, gone, err := c.Remove(by, q)
		Expect(err).NotTo(HaveOccurred())
		var names []string
		for _, e := range gone {
			names = append(names, e.String())
		}
		Expect(names).To(Equal(want))
		Expect(next.Environments()).To(HaveLen(len(site) - len(want)))
	},
		Entry("the newest of one's own", alice, "debian", "", false, "debian:2 of alice"),
		Entry("a version", alice, "debian:1", "", false, "debian:1 of alice"),
		Entry("all of one's own", alice, "debian", "", true, "debian:2 of alice", "debian:1 of alice"),
		Entry("another's, for an admin", root, "debian", "alice", false, "debian:2 of alice"),
	)

	DescribeTable("refuses", func(by catalogue.Asker, ref, owner string, forbidden bool) {
		_, _, err := of(site...).Remove(by, query(ref, owner))
		Expect(err).To(HaveOccurred())
		var no *catalogue.ForbiddenError
		Expect(errors.As(err, &no)).To(Equal(forbidden), err.Error())
	},
		Entry("another's", alice, "lab", "bob", true),
		Entry("a public one", bob, "debian", "", true),
		Entry("a public one to an admin, unless he names its owner", catalogue.Asker{User: "eve", Admin: true}, "debian", "", true),
		Entry("what is not there", alice, "nothing", "", false),
		Entry("what one may not even see", alice, "secret", "bob", false),
	)
})

var _ = Describe("A list", func() {
	DescribeTable("shows", func(by catalogue.Asker, f catalogue.Filter, want ...string) {
		list, err := of(site...).List(by, f)
		Expect(err).NotTo(HaveOccurred())
		var names []string
		for _, e := range list {
			names = append(names, e.String())
		}
		Expect(names).To(Equal(want))
	},
		Entry("one's own and the public, the newest of each", alice, catalogue.Filter{},
			"debian:2 of alice", "debian:10 of root", "twice:1 of eve", "twice:1 of root", "ubuntu:1 of root"),
		Entry("all versions", alice, catalogue.Filter{Pattern: "deb*", AllVersions: true},
			"debian:2 of alice", "debian:1 of alice", "debian:10 of root", "debian:9 of root"),
		Entry("of a user what he lets others use", alice, catalogue.Filter{Owner: "bob"}, "lab:1 of bob"),
		Entry("of oneself everything", bob, catalogue.Filter{Owner: "bob"}, "lab:2 of bob", "secret:1 of bob", "ubuntu:1 of bob"),
		Entry("an admin everything", root, catalogue.Filter{Pattern: "?????t"}, "secret:1 of bob"),
	)

	It("takes slashes in names for what they are", func() {
		c := catalogue.New([]catalogue.Environment{{Name: "a/b", Owner: "alice"}})
		for _, pattern := range []string{"", "*", "a*", "a/b", "a/?"} {
			Expect(c.List(alice, catalogue.Filter{Pattern: pattern})).To(HaveLen(1), pattern)
		}
	})

	It("says what is no pattern", func() {
		_, err := of().List(alice, catalogue.Filter{Pattern: "[a"})
		Expect(err).To(MatchError(ContainSubstring("is not a pattern of names")))
	})
})

var _ = It("A description that would steer a terminal is not shown", func() {
	Expect(catalogue.CheckText([]byte("name: x\r\n\tå\n"))).To(Succeed())
	Expect(catalogue.CheckText([]byte("name: x\n# \x1b[2J\n"))).To(MatchError("the description has a control character on line 2"))
	Expect(catalogue.CheckText([]byte("\xff"))).NotTo(Succeed())
})

func FuzzParseRef(f *testing.F) {
	f.Add("debian:3")
	f.Add("a:b: 7")
	f.Fuzz(func(t *testing.T, text string) {
		name, version, err := catalogue.ParseRef(text)
		if err != nil {
			return
		}
		if catalogue.CheckName(name) != nil || version < catalogue.Newest {
			t.Fatalf("%q: %q version %d", text, name, version)
		}
		if version >= 0 && !strings.HasPrefix(text, name+":") || version == catalogue.Newest && text != name {
			t.Fatalf("%q: %q version %d", text, name, version)
		}
	})
}
