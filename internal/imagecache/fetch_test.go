package imagecache_test

import (
	"context"
	"crypto/x509"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/imagecache"
)

// larder is a cache in a directory of its own, with little patience.
type larder struct {
	*imagecache.Cache
	cfg imagecache.Config
}

func newLarder(change ...func(*imagecache.Config)) *larder {
	GinkgoHelper()
	l := &larder{cfg: imagecache.Config{Dir: GinkgoT().TempDir(), Silence: 10 * time.Second, Pause: time.Microsecond}}
	for _, f := range change {
		f(&l.cfg)
	}
	l.open()
	DeferCleanup(func() { _ = l.Close() })
	return l
}

func (l *larder) open() {
	GinkgoHelper()
	var err error
	l.Cache, err = imagecache.Open(l.cfg)
	Expect(err).NotTo(HaveOccurred())
}

func (l *larder) reopen() {
	GinkgoHelper()
	Expect(l.Close()).To(Succeed())
	l.open()
}

func (l *larder) fetch(url, sha256 string) (*imagecache.File, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return l.Fetch(ctx, imagecache.Want{URL: url, SHA256: sha256}, nil)
}

// gets fetches, and lets go at once.
func (l *larder) gets(url string, want []byte) {
	GinkgoHelper()
	f, err := l.fetch(url, "")
	Expect(err).NotTo(HaveOccurred())
	l.is(f, want)
	f.Release()
}

func (l *larder) is(f *imagecache.File, want []byte) {
	GinkgoHelper()
	got, err := os.ReadFile(f.Path)
	Expect(err).NotTo(HaveOccurred())
	Expect(digest(got)).To(Equal(digest(want)))
	Expect(f.SHA256).To(Equal(digest(want)))
	Expect(f.Size).To(BeEquivalentTo(len(want)))
}

// files are what is in the directory below a name.
func (l *larder) files(below string) []string {
	GinkgoHelper()
	all := []string{}
	Expect(filepath.WalkDir(filepath.Join(l.cfg.Dir, below), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, filepath.Base(path))
		}
		return err
	})).To(Succeed())
	return all
}

var _ = Describe("A fetch", func() {
	content := image(1, 300_000)

	It("brings the file once, and then asks only whether it has changed", func() {
		l, m := newLarder(), newMirror(content)
		l.gets(m.URL, content)
		l.gets(m.URL, content)
		Expect(m.requests()).To(Equal([]string{"whole", "changed?"}))
		m.set(func(m *mirror) { m.content, m.etag = image(2, 1000), `"v2"` })
		l.gets(m.URL, image(2, 1000))
		Expect(l.files("partial")).To(BeEmpty())
	})

	It("asks by the date of the last change when there is no tag, unless that is as recent as the answer", func() {
		l, m := newLarder(), newMirror(content)
		m.etag, m.modified = "", time.Now().Add(-time.Hour)
		l.gets(m.URL, content)
		l.gets(m.URL, content)
		Expect(m.requests()).To(Equal([]string{"whole", "changed?"}))
		m.set(func(m *mirror) { m.content, m.modified = image(2, 1000), time.Now() })
		l.gets(m.URL, image(2, 1000))
		m.set(func(m *mirror) { m.content = image(3, 1000) })
		l.gets(m.URL, image(3, 1000))
	})

	It("asks nobody when the URL is known to have just what is wanted", func() {
		l, m := newLarder(), newMirror(content)
		l.gets(m.URL, content)
		m.Close()
		f, err := l.fetch(m.URL, digest(content))
		Expect(err).NotTo(HaveOccurred())
		l.is(f, content)
		f.Release()
		_, err = l.fetch(m.URL, "")
		Expect(err).To(HaveOccurred())
	})

	It("goes on where it was cut, and tells how far it is", func() {
		l, m := newLarder(), newMirror(content)
		m.cuts = []int{100_000, 50_000}
		var last [2]int64
		f, err := l.Fetch(context.Background(), imagecache.Want{URL: m.URL}, func(done, total int64) { last = [2]int64{done, total} })
		Expect(err).NotTo(HaveOccurred())
		l.is(f, content)
		f.Release()
		Expect(m.requests()).To(Equal([]string{"whole", "bytes=100000-", "bytes=150000-"}))
		Expect(last).To(Equal([2]int64{300_000, 300_000}))
	})

	It("goes on by the date of the last change when there is no tag", func() {
		l, m := newLarder(), newMirror(content)
		m.etag, m.modified, m.cuts = "", time.Now().Add(-time.Hour), []int{100_000}
		l.gets(m.URL, content)
		Expect(m.requests()).To(Equal([]string{"whole", "bytes=100000-"}))
	})

	DescribeTable("starts again when nobody vouches for the rest", func(change func(*mirror)) {
		l, m := newLarder(), newMirror(content)
		m.cuts = []int{100_000}
		change(m)
		l.gets(m.URL, content)
		Expect(m.requests()).To(HaveLen(2))
	},
		Entry("no tag", func(m *mirror) { m.etag = "" }),
		Entry("a weak tag", func(m *mirror) { m.etag = `W/"v1"` }),
		Entry("a change as recent as the answer", func(m *mirror) { m.etag, m.modified = "", time.Now() }),
		Entry("a server that takes no ranges", func(m *mirror) { m.deaf = true }),
		Entry("a tag that is none", func(m *mirror) { m.etag = "v1" }),
	)

	It("never puts halves of two files together when the file changes midway", func() {
		l, m := newLarder(), newMirror(content)
		m.cuts = []int{100_000}
		m.after = func(m *mirror) { m.content, m.etag = image(2, 300_000), `"v2"` }
		l.gets(m.URL, image(2, 300_000))
	})

	It("gives up on a file that does not stop changing", func() {
		l, m := newLarder(), newMirror(content)
		n := byte(1)
		m.cuts = []int{1000, 1000, 1000, 1000, 1000, 1000, 1000}
		m.after = func(m *mirror) { n++; m.content, m.etag = image(n, 300_000), `"v`+string('0'+rune(n))+`"` }
		_, err := l.fetch(m.URL, "")
		Expect(err).To(MatchError(ContainSubstring("it changes while it is fetched")))
	})

	It("gives up on a server that cuts always, and lets nobody go on", func() {
		l, m := newLarder(), newMirror(content)
		m.deaf, m.etag, m.cuts = true, "", []int{1000, 2000, 3000, 4000, 5000, 6000, 7000}
		_, err := l.fetch(m.URL, "")
		Expect(err).To(MatchError(ContainSubstring("does not let anybody go on")))
		Expect(l.files("partial")).To(BeEmpty())
	})

	It("believes no length that the bytes do not bear out", func() {
		l, m := newLarder(), newMirror(content)
		m.claims = 400_000
		_, err := l.fetch(m.URL, "")
		Expect(err).To(HaveOccurred())
		Expect(l.files("sha256")).To(BeEmpty())
		m.set(func(m *mirror) { m.claims = 0 })
		l.gets(m.URL, content)
	})

	It("takes a file whose length nobody says", func() {
		l, m := newLarder(), newMirror(content)
		m.chunked = true
		l.gets(m.URL, content)
	})

	It("refuses other bytes than those that are wanted, and does not keep them", func() {
		l, m := newLarder(), newMirror(content)
		wanted := image(2, 1000)
		_, err := l.fetch(m.URL, digest(wanted))
		Expect(err).To(MatchError(ContainSubstring("SHA-256 " + digest(content) + ", and " + digest(wanted) + " is wanted")))
		Expect(l.files("sha256")).To(BeEmpty())
		m.set(func(m *mirror) { m.content = wanted }) // under the same tag, as a proxy that had spoiled it would
		f, err := l.fetch(m.URL, digest(wanted))
		Expect(err).NotTo(HaveOccurred())
		l.is(f, wanted)
		f.Release()
	})

	It("is tried again while the server is not well, and not when it says no", func() {
		l, m := newLarder(), newMirror(content)
		m.status = []int{503, 500, 429}
		l.gets(m.URL, content)
		m.set(func(m *mirror) { m.status = []int{404, 404} })
		_, err := l.fetch(m.URL+"/other?token=secret", "")
		Expect(err).To(MatchError(m.URL + "/other?...: the server has no such file (status 404)"))
		Expect(m.requests()).To(HaveLen(5))
		m.set(func(m *mirror) { m.status = []int{500, 500, 500, 500, 500, 500} })
		_, err = l.fetch(m.URL+"/third", "")
		Expect(err).To(MatchError(ContainSubstring("status 500 (tried 5 times)")))
	})

	It("does not wait for a server that is silent, however long a fetch may last", func() {
		l, m := newLarder(func(c *imagecache.Config) { c.Silence = 200 * time.Millisecond }), newMirror(content)
		m.cuts, m.hang = []int{1000}, true
		l.gets(m.URL, content)
		Expect(m.requests()[0]).To(Equal("whole"))
		Expect(m.requests()[1:]).To(ContainElement("bytes=1000-"))
		m.set(func(m *mirror) { m.cuts, m.etag = []int{0, 0, 0, 0, 0, 0}, `"v2"` })
		_, err := l.fetch(m.URL, "")
		Expect(err).To(MatchError(ContainSubstring("its server is silent (tried 5 times)")))
	})

	It("follows redirects, but not for ever, and not from https to http", func() {
		l := newLarder()
		m := newMirror(content)
		circle := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/once":
				http.Redirect(w, r, m.URL, http.StatusFound)
			case "/file":
				http.Redirect(w, r, "file:///etc/shadow", http.StatusFound)
			case "/password":
				http.Redirect(w, r, "http://user:secret@"+r.Host+"/once", http.StatusFound)
			default:
				http.Redirect(w, r, "/circle", http.StatusFound)
			}
		}))
		DeferCleanup(circle.Close)
		l.gets(circle.URL+"/once", content)
		for path, why := range map[string]string{"/circle": "redirected more than 5 times", "/file": "file is not fetched", "/password": "with a user or a password"} {
			_, err := l.fetch(circle.URL+path, "")
			Expect(err).To(MatchError(ContainSubstring(why)))
			Expect(err.Error()).NotTo(ContainSubstring("secret"))
		}
	})

	It("verifies certificates", func() {
		m := newMirror(content)
		safe := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/down" {
				http.Redirect(w, r, m.URL, http.StatusFound)
				return
			}
			m.ServeHTTP(w, r)
		}))
		safe.Config.ErrorLog = log.New(GinkgoWriter, "", 0)
		safe.StartTLS()
		DeferCleanup(safe.Close)
		_, err := newLarder().fetch(safe.URL, "")
		Expect(err).To(MatchError(ContainSubstring("certificate is not good")))
		pool := x509.NewCertPool()
		pool.AddCert(safe.Certificate())
		l := newLarder(func(c *imagecache.Config) { c.RootCAs = pool })
		l.gets(safe.URL, content)
		_, err = l.fetch(safe.URL+"/down", "")
		Expect(err).To(MatchError(ContainSubstring("from https to http")))
	})

	DescribeTable("of what is no good URL is refused", func(url, why string) {
		_, err := newLarder().fetch(url, "")
		Expect(err).To(MatchError(ContainSubstring(why)))
		Expect(err.Error()).NotTo(ContainSubstring("secret"))
	},
		Entry(nil, "ftp://server/x", "ftp is not fetched"), Entry(nil, "http://user:secret@server/x", "user or a password"),
		Entry(nil, "http://", "is not a URL"), Entry(nil, "::", "is none"), Entry(nil, "http://s/"+strings.Repeat("x", 5000), "at most 4096"),
	)

	It("says when nothing listens there", func() {
		m := newMirror(content)
		m.Close()
		_, err := newLarder().fetch(m.URL, "")
		Expect(err).To(MatchError(ContainSubstring("connection refused (tried 5 times)")))
	})

	It("of an empty file fails", func() {
		_, err := newLarder().fetch(newMirror(nil).URL, "")
		Expect(err).To(MatchError(ContainSubstring("it is empty")))
	})
})
