package depot_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/depot"
)

var _ = Describe("A file that a user names", func() {
	var top string
	at := func(name string) string { return filepath.Join(top, name) }

	BeforeEach(func() {
		top = GinkgoT().TempDir()
		Expect(os.MkdirAll(at("images/sub"), 0o755)).To(Succeed())
		Expect(os.MkdirAll(at("images2"), 0o755)).To(Succeed())
		for name, text := range map[string]string{"images/debian.tar": "debian", "images/sub/x.tar": "x", "images2/other.tar": "other", "secret": "secret"} {
			Expect(os.WriteFile(at(name), []byte(text), 0o644)).To(Succeed())
		}
		for name, to := range map[string]string{
			"images/current": "debian.tar", "images/absolute": at("images/debian.tar"), "images/up": "../secret", "images/out": at("secret"),
			"images/circle": "circle", "images/outdir": "..", "images/insub": "sub", "images/dangling": "nothing", "alias": "images", "images/chain": "outdir/secret",
		} {
			Expect(os.Symlink(to, at(name))).To(Succeed())
		}
		Expect(unix.Mkfifo(at("images/pipe"), 0o644)).To(Succeed())
	})

	resolve := func(a depot.Access, path string) (string, string, error) {
		GinkgoHelper()
		s, err := depot.Resolve(a, path)
		if s.File == nil {
			return "", "", err
		}
		defer s.File.Close()
		text, rerr := io.ReadAll(s.File)
		Expect(rerr).NotTo(HaveOccurred())
		Expect(s.Size).To(BeEquivalentTo(len(text)))
		return s.Path, string(text), err
	}

	DescribeTable("below a root of the site is read there", func(name, real, text string) {
		path, got, err := resolve(depot.Access{Roots: []string{at("images")}}, top+"/"+name)
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(Equal(text))
		Expect(path).To(Equal(at(real)))
	},
		Entry("plainly", "images/debian.tar", "images/debian.tar", "debian"),
		Entry("in a directory", "images/sub/x.tar", "images/sub/x.tar", "x"),
		Entry("by a link", "images/current", "images/debian.tar", "debian"),
		Entry("by an absolute link that stays inside", "images/absolute", "images/debian.tar", "debian"),
		Entry("by a link to a directory", "images/insub/x.tar", "images/sub/x.tar", "x"),
		Entry("by a link to the root", "alias/debian.tar", "images/debian.tar", "debian"),
		Entry("by .. that stays inside", "images/sub/../debian.tar", "images/debian.tar", "debian"),
		Entry("by .. from elsewhere", "images2/../images/debian.tar", "images/debian.tar", "debian"),
	)

	DescribeTable("anywhere else must be uploaded, whether it exists or not", func(name string) {
		_, _, err := resolve(depot.Access{Roots: []string{at("images"), at("nowhere")}}, top+"/"+name)
		Expect(err).To(MatchError(&depot.NeedsUploadError{Path: top + "/" + name}))
	},
		Entry("another directory", "secret"), Entry("one whose name begins alike", "images2/other.tar"), Entry("nothing", "nothing"),
		Entry("nothing below a root", "images/nothing"), Entry(".. out of a root", "images/../secret"), Entry("deep ..", "images/sub/../../secret"),
		Entry("a link out of a root", "images/up"), Entry("an absolute link out of a root", "images/out"),
		Entry("through a link to a directory outside", "images/outdir/secret"), Entry("over two links", "images/chain"),
		Entry("a circle", "images/circle"), Entry("a link to nothing", "images/dangling"), Entry("below a file", "images/debian.tar/x"),
	)

	DescribeTable("that is no file is refused", func(path, why string) {
		path = strings.ReplaceAll(path, "TOP", top)
		for _, a := range []depot.Access{{Roots: []string{at("images")}}, {Admin: true}} {
			_, _, err := resolve(a, path)
			Expect(err).To(BeAssignableToTypeOf(&depot.RefusedError{}))
			Expect(err).To(MatchError(ContainSubstring(why)))
		}
	},
		Entry("a root", "TOP/images", "is a directory"), Entry("a directory", "TOP/images/sub", "is a directory"),
		Entry("a pipe", "TOP/images/pipe", "no regular file"), Entry("a URL", "http://x/y.tar", "URL"),
		Entry("a relative path", "images/debian.tar", "absolute"), Entry("no path", "", "absolute"),
		Entry("a NUL", "TOP/images/debian.tar\x00", "absolute"), Entry("too long a path", "/"+strings.Repeat("a/", 3000), "absolute"),
	)

	It("is not read where it is private, even below a root and through a link", func() {
		a := depot.Access{Roots: []string{at("images")}, Private: []string{at("alias/sub"), at("nowhere")}}
		for _, name := range []string{"images/sub/x.tar", "images/insub/x.tar", "alias/sub/x.tar"} {
			_, _, err := resolve(a, at(name))
			Expect(err).To(MatchError(&depot.NeedsUploadError{Path: at(name)}))
		}
		_, _, err := resolve(a, at("images/debian.tar"))
		Expect(err).NotTo(HaveOccurred())
	})

	It("is what the user uploaded for it, even where the server has one", func() {
		digest := sum([]byte("mine"))
		a := depot.Access{Roots: []string{at("images")}, Uploads: map[string]depot.Digest{at("images/debian.tar"): digest}}
		s, err := depot.Resolve(a, at("images/debian.tar"))
		Expect(err).NotTo(HaveOccurred())
		Expect(s.File).To(BeNil())
		Expect(*s.Uploaded).To(Equal(digest))
		s, err = depot.Resolve(a, at("images/sub/x.tar"))
		Expect(err).NotTo(HaveOccurred())
		Expect(s.File.Close()).To(Succeed())
	})

	It("may be anywhere when the user is an admin", func() {
		_, text, err := resolve(depot.Access{Admin: true}, at("images/up"))
		Expect(err).NotTo(HaveOccurred())
		Expect(text).To(Equal("secret"))
		_, _, err = resolve(depot.Access{Admin: true}, at("nothing"))
		Expect(err).To(MatchError(&depot.NeedsUploadError{Path: at("nothing")}))
	})

	It("is nowhere when the site lists no roots", func() {
		_, _, err := resolve(depot.Access{}, at("images/debian.tar"))
		Expect(err).To(BeAssignableToTypeOf(&depot.NeedsUploadError{}))
	})
})
