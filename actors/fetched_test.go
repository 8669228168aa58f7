package actors_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("A post-install at a URL, for an operation that goes on after a restart,", func() {
	var s *site
	var o *operation
	var wholes, status atomic.Int32
	var url, digest string
	version := new(atomic.Value)

	post := func(says string) []byte {
		return gzipped(tarOf(entry{name: "post.sh", content: "#!/bin/sh\necho " + says + " >> $KADEPLOY_ENV_EXTRACTION_DIR/etc/installed\n"}))
	}
	// onShelf are the files of the image cache.
	onShelf := func() []string {
		GinkgoHelper()
		files, err := filepath.Glob(filepath.Join(s.snapshot.Global.ImageCache, "sha256/*/*"))
		Expect(err).NotTo(HaveOccurred())
		return files
	}

	BeforeEach(func() {
		wholes.Store(0)
		status.Store(http.StatusOK)
		version.Store("one")
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tag := fmt.Sprintf("%q", version.Load())
			w.Header().Set("ETag", tag)
			switch code := int(status.Load()); {
			case code != http.StatusOK:
				w.WriteHeader(code)
			case r.Header.Get("If-None-Match") == tag:
				w.WriteHeader(http.StatusNotModified)
			default:
				wholes.Add(1)
				_, _ = w.Write(post(version.Load().(string)))
			}
		}))
		DeferCleanup(server.Close)
		url = server.URL + "/post.tgz"
		s = slowSecond(func(b *blueprint) { b.lasting, b.uploads, b.urls = true, true, true })
		r := s.deployment()
		r.Environment = []byte(description(s.path("images/image.tar")+"|tar", "postinstall : "+url+"?key=secret|tgz|post.sh"))
		o = s.begin(r)
		o.settled("node-1", message.NodePhase_OK)
		Expect(s.disk("node-1", "etc/installed")).To(Equal("one\n"))
		for _, e := range o.events {
			if f := e.GetNote().GetFetched(); f != nil {
				Expect(f.GetUrl()).To(Equal(url + "?..."))
				digest = f.GetSha256()
			}
		}
		Expect(onShelf()).To(ConsistOf(HaveSuffix(digest)))
		version.Store("two")
	})

	It("is the one that it began with, whatever its URL has by then", func() {
		s.restart()
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(s.disk("node-2", "etc/installed")).To(Equal("one\n"))
		Expect(wholes.Load()).To(BeEquivalentTo(1))
	})

	It("is not replaced by another one when the image cache has lost it: that is the cause", func() {
		Expect(os.Remove(onShelf()[0])).To(Succeed())
		s.restart()
		o = s.resumed(o)
		o.end()
		Expect(o.report("node-1").GetPhase()).To(Equal(message.NodePhase_OK))
		Expect(o.report("node-2").GetCause()).To(HavePrefix(
			"interrupted: the server was stopped, the image cache has lost the postinstall " + url + "?..., and its URL has another one since: its sha256 was " + digest))
	})

	It("is fetched again when the image cache has lost it, and is the same", func() {
		version.Store("one")
		Expect(os.Remove(onShelf()[0])).To(Succeed())
		s.restart()
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(wholes.Load()).To(BeEquivalentTo(2))
	})

	It("is missed when the image cache has lost it, and its URL has none any more", func() {
		Expect(os.Remove(onShelf()[0])).To(Succeed())
		status.Store(http.StatusNotFound)
		s.restart()
		o = s.resumed(o)
		o.end()
		Expect(o.report("node-2").GetCause()).To(Equal("interrupted: the server was stopped, and the image cache has lost what it had fetched: " +
			"postinstall of tiny: " + url + "?...: the server has no such file (status 404)"))
	})
})
