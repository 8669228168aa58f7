package pki_test

import (
	"crypto/x509"
	"net/url"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/pki"
)

var _ = Describe("An identity", func() {
	DescribeTable("is read from its URI, and written back as it was", func(uri string, want pki.Identity) {
		id, err := pki.ParseIdentity(uri)
		Expect(err).NotTo(HaveOccurred())
		Expect(id).To(Equal(want))
		Expect(id.String()).To(Equal(uri))
	},
		Entry("a user", "ka://user/alice", alice),
		Entry("a user with all there can be", "ka://user/_Al.ice-2", pki.Identity{Kind: pki.KindUser, Name: "_Al.ice-2"}),
		Entry("the longest user", "ka://user/"+strings.Repeat("a", 64), pki.Identity{Kind: pki.KindUser, Name: strings.Repeat("a", 64)}),
		Entry("a node", "ka://node/node-1.demo", node1),
		Entry("the daemon", "ka://daemon", pki.Daemon()),
	)

	DescribeTable("is nothing that only looks like one", func(uri string) {
		_, err := pki.ParseIdentity(uri)
		Expect(err).To(HaveOccurred())
		Expect(err.Error()).NotTo(ContainSubstring("\n"))
		Expect(len(err.Error())).To(BeNumerically("<", 600))
	},
		Entry("nothing", ""),
		Entry("another scheme", "https://user/alice"),
		Entry("another case of the scheme", "KA://user/alice"),
		Entry("another kind", "ka://admin/alice"),
		Entry("no name", "ka://user/"),
		Entry("no slash", "ka://user"),
		Entry("a daemon with a name", "ka://daemon/x"),
		Entry("a daemon with a slash", "ka://daemon/"),
		Entry("a user that begins with a digit", "ka://user/1alice"),
		Entry("a user that begins with a dot", "ka://user/.."),
		Entry("a user of two parts", "ka://user/alice/bob"),
		Entry("a user with a query", "ka://user/alice?x"),
		Entry("a user with an escape", "ka://user/al%69ce"),
		Entry("a user with a line end", "ka://user/alice\n"),
		Entry("a user that is not ASCII", "ka://user/аlice"),
		Entry("a user of 65 characters", "ka://user/"+strings.Repeat("a", 65)),
		Entry("a node with an empty label", "ka://node/a..b"),
		Entry("a node with a root dot", "ka://node/a."),
		Entry("a node that begins with a dash", "ka://node/-a"),
		Entry("a label of 64 characters", "ka://node/"+strings.Repeat("a", 64)),
		Entry("a node of 255 characters", "ka://node/"+strings.Repeat("a.", 127)+"a"),
		Entry("a megabyte", "ka://node/"+strings.Repeat("a", 1<<20)),
		Entry("a user of the URI's authority", "ka://root@user/alice"),
	)

	It("is checked when it is made from a name", func() {
		Expect(pki.User("alice")).To(Equal(alice))
		Expect(pki.Node("node-1.demo")).To(Equal(node1))
		_, err := pki.User("al ice")
		Expect(err).To(MatchError(ContainSubstring(`"al ice"`)))
		_, err = pki.Node("a/b")
		Expect(err).To(HaveOccurred())
	})

	DescribeTable("is in a certificate's only URI", func(uris ...string) {
		cert := &x509.Certificate{}
		for _, uri := range uris {
			u, err := url.Parse(uri)
			Expect(err).NotTo(HaveOccurred())
			cert.URIs = append(cert.URIs, u)
		}
		_, err := pki.Of(cert)
		Expect(err).To(HaveOccurred())
	},
		Entry("not in none"),
		Entry("not in one of two", "ka://user/alice", "ka://user/bob"),
		Entry("not beside another's", "ka://user/alice", "https://example.org"),
		Entry("not in another's", "https://example.org"),
		Entry("not with an escape", "ka://user/al%69ce"),
	)
})

// Whatever is accepted is what String writes, and has a name that is harmless in a path, a log or a command.
func FuzzParseIdentity(f *testing.F) {
	for _, seed := range []string{"ka://user/alice", "ka://node/node-1.demo", "ka://daemon", "ka://user/", "ka://daemon/", "ka://node/a..b", "ka://user/%2e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		id, err := pki.ParseIdentity(uri)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Fatalf("%q: the error has control characters: %q", uri, err)
			}
			return
		}
		if id.String() != uri {
			t.Fatalf("%q is read as %q", uri, id)
		}
		if len(id.Name) > 253 || strings.ContainsAny(id.Name, "/\\ \n\x00$`'\"%?#@:") || strings.HasPrefix(id.Name, "-") || strings.HasPrefix(id.Name, ".") {
			t.Fatalf("%q has the name %q", uri, id.Name)
		}
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatalf("%q is no URI: %v", uri, err)
		}
		if again, err := pki.Of(&x509.Certificate{URIs: []*url.URL{u}}); err != nil || again != id {
			t.Fatalf("%q in a certificate is %q: %v", uri, again, err)
		}
	})
}
