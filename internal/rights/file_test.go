package rights_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/rights"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// aBook holds something of everything that a book may hold.
func aBook() *rights.Book {
	GinkgoHelper()
	b := rights.New()
	for _, name := range []string{"alice", "bob@example.org"} {
		_, err := b.AddUser(name, name == "alice", noon)
		Expect(err).NotTo(HaveOccurred())
	}
	site := []string{"login", "node-1", "node-2", "node-10"}
	for _, r := range []rights.Request{
		{User: "alice", Nodes: []string{"node-[1-2]"}, Part: "3", Until: noon.Add(time.Hour), By: "root"},
		{User: "bob@example.org", Nodes: []string{"login"}, Part: rights.All, By: "alice"},
		{User: rights.All, Nodes: []string{rights.All}, Part: "2", By: "root", Overwrite: true},
		{User: "carol", Nodes: []string{"node-10"}, Part: "5", By: "root"},
	} {
		_, err := b.Grant(r, site, noon)
		Expect(err).NotTo(HaveOccurred())
	}
	return b
}

// written is the path of a file that holds a book.
func written(path string, b *rights.Book) string {
	GinkgoHelper()
	text, err := b.Encode()
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(path, text, 0o600)).To(Succeed())
	return path
}

var _ = Describe("The file of a book", func() {
	var path string
	BeforeEach(func() { path = filepath.Join(GinkgoT().TempDir(), "rights.json") })

	It("gives back what was encoded", func() {
		b := aBook()
		again, err := rights.Load(written(path, b))
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Equal(b)).To(BeTrue())
		Expect(again.List(nil)).To(Equal(b.List(nil)))
		Expect(again.Users()).To(Equal(b.Users()))
		Expect(again.List(nil)).NotTo(BeEmpty())
		Expect(again.Check("alice", []string{"node-1"}, rights.All, noon)).To(Succeed(), "an admin")
	})

	It("does not make admins of those who were appointed from outside", func() {
		b := aBook()
		b.Appoint([]string{"root"})
		again, err := rights.Load(written(path, b))
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Admin("root")).To(BeFalse())
	})

	It("that does not exist is told from one that is broken", func() {
		_, err := rights.Load(path)
		Expect(err).To(MatchError(fs.ErrNotExist))
	})

	DescribeTable("that is not a book is refused with one line that names it and what is wrong", func(text, why string) {
		Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
		_, err := rights.Load(path)
		Expect(err).To(MatchError(And(ContainSubstring(path), ContainSubstring(why))))
		Expect(err.Error()).NotTo(ContainSubstring("\n"))
	},
		Entry("nothing", "", "unexpected end"),
		Entry("garbage", "\x00\x01garbage", "not a book"),
		Entry("cut", `{"version": 1, "users": [{"name": "al`, "unexpected end"),
		Entry("a list", `[]`, "not a book"),
		Entry("no version", `{}`, "version 0"),
		Entry("a later version", `{"version": 2, "groups": []}`, "version 2"),
		Entry("what this version does not know", `{"version": 1, "groups": []}`, `unknown field "groups"`),
		Entry("more than one", `{"version": 1}{"version": 1}`, "after top-level"),
		Entry("a name that is none", `{"version": 1, "users": [{"name": "a b"}]}`, "user 1"),
		Entry("a user twice", `{"version": 1, "users": [{"name": "a"}, {"name": "a"}]}`, "a is there twice"),
		Entry("a grant to nobody", `{"version": 1, "grants": [{"nodes": "n1", "part": "3"}]}`, "grant 1"),
		Entry("a partition that is none", `{"version": 1, "grants": [{"user": "a", "nodes": "n1", "part": "x"}]}`, "partition"),
		Entry("a right that is over when it begins", `{"version": 1, "grants": [{"user": "a", "nodes": "n1", "part": "3", "at": "2026-01-02T00:00:00Z", "until": "2026-01-02T00:00:00Z"}]}`, "is over when it begins"),
		Entry("nodes that are none", `{"version": 1, "grants": [{"user": "a", "nodes": "n[1-", "part": "3"}]}`, "[ without ]"),
		Entry("too many grants", `{"version": 1, "grants": [`+
			strings.TrimSuffix(strings.Repeat(`{"user": "a", "nodes": "n[1-70000]", "part": "3"},{"user": "b", "nodes": "n[1-70000]", "part": "3"},{"user": "c", "nodes": "n[1-70000]", "part": "3"},`, 1), ",")+`]}`, "more than 200000"),
	)

	It("is refused when others may write it, and when it is no file", func() {
		Expect(os.Chmod(written(path, aBook()), 0o620)).To(Succeed())
		_, err := rights.Load(path)
		Expect(err).To(MatchError(ContainSubstring("chmod 600")))
		_, err = rights.Load(filepath.Dir(path))
		Expect(err).To(MatchError(ContainSubstring("no regular file")))
		pipe := filepath.Join(filepath.Dir(path), "pipe")
		Expect(syscall.Mkfifo(pipe, 0o600)).To(Succeed())
		_, err = rights.Load(pipe)
		Expect(err).To(MatchError(ContainSubstring("no regular file")))
	})
})

var _ = Describe("A book", func() {
	It("is not changed by changes of its clone", func() {
		b := aBook()
		before := b.List(nil)
		c := b.Clone()
		_, known := c.DelUser("alice", noon)
		Expect(known).To(BeTrue())
		_, err := c.Revoke("carol", []string{rights.All}, rights.All, nil, noon)
		Expect(err).NotTo(HaveOccurred())
		c.Expire(noon.Add(time.Hour))
		Expect(c.List(nil)).NotTo(Equal(before))
		Expect(b.List(nil)).To(Equal(before))
		Expect(b.Users()).To(HaveLen(2))
	})

	It("equals another with the same users and grants, however their times were read, and whoever is appointed", func() {
		b, c := aBook(), rights.New()
		for _, u := range b.Users() {
			_, err := c.AddUser(u.Name, u.Admin, u.Since.Local().Add(time.Millisecond))
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(c.Equal(b)).To(BeFalse())
		for _, g := range b.Grants() {
			g.At = g.At.In(time.FixedZone("elsewhere", 3600)).Add(time.Millisecond)
			Expect(c.Put(g)).To(Succeed())
		}
		c.Appoint([]string{"root"})
		Expect(c.Equal(b)).To(BeTrue())
		_, known := c.DelUser("alice", noon)
		Expect(known).To(BeTrue())
		Expect(c.Equal(b)).To(BeFalse())
	})

	It("takes so many users and grants, and no more", func() {
		b := rights.New()
		for i := range rights.MaxUsers {
			_, err := b.AddUser(fmt.Sprint("u", i), false, noon)
			Expect(err).NotTo(HaveOccurred())
		}
		_, err := b.AddUser("last", false, noon)
		Expect(err).To(MatchError(ContainSubstring("10000 users")))
		site := make([]string, rights.MaxGrants/2+1)
		for i := range site {
			site[i] = fmt.Sprint("n", i)
		}
		_, err = b.Grant(rights.Request{User: "u1", Nodes: []string{"*"}, Part: "1"}, site, noon)
		Expect(err).NotTo(HaveOccurred())
		_, err = b.Grant(rights.Request{User: "u1", Nodes: []string{"n*"}, Part: "2"}, site, noon)
		Expect(err).NotTo(HaveOccurred())
		_, err = b.Grant(rights.Request{User: "u1", Nodes: []string{"n*"}, Part: "3"}, site, noon)
		Expect(err).To(MatchError(ContainSubstring("200000")))
	})

	It("expands no more patterns than make sense", func() {
		many := make([]string, 101)
		for i := range many {
			many[i] = "n?"
		}
		_, err := rights.Matches(many, []string{"n1"})
		Expect(err).To(MatchError(ContainSubstring("100 patterns")))
		_, err = rights.Matches(many[:100], []string{"n1"})
		Expect(err).NotTo(HaveOccurred())
		_, err = rights.Matches([]string{"n[1-60000]", "n[1-60000]"}, []string{"n1"})
		Expect(err).To(HaveOccurred())
	})

	It("takes no end that cannot be meant", func() {
		_, err := rights.New().Grant(rights.Request{User: "a", Nodes: []string{"n1"}, Part: "3", Until: noon.AddDate(12000, 0, 0)}, []string{"n1"}, noon)
		Expect(err).To(MatchError(ContainSubstring("ten years")))
	})

	DescribeTable("knows partitions as configurations and people write them", func(text, want string) {
		part, err := rights.Part(text)
		if want == "" {
			Expect(err).To(HaveOccurred())
			return
		}
		Expect(err).NotTo(HaveOccurred())
		Expect(part).To(Equal(want))
	},
		Entry(nil, "3", "3"), Entry(nil, "p3", "3"), Entry(nil, "-part3", "3"), Entry(nil, "/dev/sda3", "3"), Entry(nil, "/dev/nvme0n1p12", "12"), Entry(nil, "*", "*"),
		Entry(nil, "", ""), Entry(nil, "/dev/sda", ""), Entry(nil, "03", ""), Entry(nil, "12345", ""),
	)
})

// FuzzLoad holds that whatever is in the file, it is refused or it is a book that can be encoded and read again.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"version": 1, "users": [{"name": "a", "admin": true}], "grants": [{"user": "*", "nodes": "n[1-3],*", "part": "3", "until": "2026-01-01T00:00:00Z", "by": "root"}]}`))
	f.Add([]byte(`{"version": 1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "rights.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := rights.Load(path)
		if err != nil {
			return
		}
		again, err := b.Encode()
		if err == nil {
			err = os.WriteFile(path, again, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		c, err := rights.Load(path)
		if err != nil {
			t.Fatalf("%q was read, but not again: %v", text, err)
		}
		if !c.Equal(b) {
			t.Errorf("%q: %v, then %v", text, b.List(nil), c.List(nil))
		}
	})
}
