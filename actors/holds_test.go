package actors

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/imagecache"
	"github.com/kadeploy/kadeploy/internal/store"
)

var _ = DescribeTable("What operations had fetched under a server before this one is held until they end", func(pastWith func(digest string) *past) {
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte(r.URL.Path), 300))
	}))
	DeferCleanup(files.Close)
	cache, err := imagecache.Open(imagecache.Config{Dir: GinkgoT().TempDir(), MaxBytes: 1000, Pause: time.Microsecond})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(cache.Close)
	fetch := func(path string) (*imagecache.File, error) {
		return cache.Fetch(context.Background(), imagecache.Want{URL: files.URL + path}, nil)
	}
	before, err := fetch("/a")
	Expect(err).NotTo(HaveOccurred())
	before.Release()
	from := sources{cache: cache, holds: &holds{}}
	from.recall(&Memory{found: []found{
		{Operation: store.Operation{ID: "D-1"}, past: pastWith(before.SHA256)}, {Operation: store.Operation{ID: "D-2"}, past: &past{}}}})
	_, err = fetch("/b")
	Expect(err).To(MatchError(ContainSubstring("full of files in use")))
	from.holds.begin("D-1") // it is planned again
	_, err = fetch("/b")
	Expect(err).To(HaveOccurred())
	from.holds.drop("D-1")
	Expect(fetch("/b")).NotTo(BeNil())
},
	Entry("an image", func(digest string) *past { return &past{digest: digest} }),
	Entry("a pre- or post-install", func(digest string) *past { return &past{fetched: map[int]fetchedFile{2: {digest: digest}}} }),
)
