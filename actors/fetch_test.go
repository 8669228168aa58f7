package actors_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("A file that a description names by a URL", func() {
	var s *site
	var images *httptest.Server
	var wholes atomic.Int32 // times that it was sent
	var content atomic.Pointer[[]byte]
	var tag atomic.Value
	var hang chan struct{}

	BeforeEach(func() {
		image := theImage()
		content.Store(&image)
		tag.Store(`"1"`)
		wholes.Store(0)
		hang = nil
		images = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if hang != nil {
				select {
				case <-hang:
				case <-r.Context().Done():
				}
				return
			}
			w.Header().Set("ETag", tag.Load().(string))
			if r.Header.Get("If-None-Match") == tag.Load().(string) {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			wholes.Add(1)
			w.Header().Set("Content-Length", strconv.Itoa(len(*content.Load())))
			_, _ = w.Write(*content.Load())
		}))
		DeferCleanup(images.Close)
		s = newSite(blueprint{nodes: 1, uploads: true, urls: true, envs: &drawer{}, global: map[string]string{"image_urls": images.URL + "/pub/"}})
		s.give(add("*", "node-1"))
	})

	asks := func(user, path string) *message.Submit {
		r := s.deployment()
		r.User, r.Environment = user, []byte(description(images.URL+path+"|tar"))
		return r
	}

	It("is fetched once, read as any other, and deployed", func() {
		for range 2 {
			o := s.run(asks("dana", "/pub/tiny.tar?key=secret"))
			Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
			Expect(o.events[0].GetStarted().GetImage()).To(Equal(images.URL + "/pub/tiny.tar?..."))
			for _, e := range o.events {
				Expect(e.String()).NotTo(ContainSubstring("secret"))
				Expect(e.String()).NotTo(ContainSubstring(s.snapshot.Global.ImageCache))
			}
		}
		Expect(wholes.Load()).To(BeEquivalentTo(1))
		Expect(s.disk("node-1", "etc/os-release")).To(Equal("ID=tiny\n"))
	})

	It("must be below one of the site's, but for admins", func() {
		no := s.clientOf("dana").refused(asks("dana", "/other/tiny.tar"))
		Expect(no.GetCode()).To(Equal(message.Refusal_INVALID))
		Expect(no.GetText()).To(ContainSubstring("is not below the image_urls of the site"))
		o := s.run(asks("ada", "/other/tiny.tar"))
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
	})

	It("is spoken of by its own name when it is no image", func() {
		bad := []byte("this is no tar file")
		content.Store(&bad)
		o := s.run(asks("dana", "/pub/tiny.tar"))
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_FAILED))
		Expect(o.ended.GetText()).To(ContainSubstring(images.URL + "/pub/tiny.tar"))
		Expect(o.ended.GetText()).NotTo(ContainSubstring(s.snapshot.Global.ImageCache))
	})

	It("does not keep anybody from cancelling while it is fetched", func() {
		hang = make(chan struct{})
		o := s.begin(asks("dana", "/pub/tiny.tar"))
		o.until("the fetch", func(e *message.Event) bool { return e.GetNote() != nil })
		s.cancel(o.id)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ABORTED))
		close(hang)
	})

	It("is told by a dry run, which fetches nothing", func() {
		r := asks("dana", "/pub/tiny.tar")
		r.DryRun = true
		lines := s.clientOf("dana").ask(r).(*message.Checked).GetLines()
		Expect(lines).To(ContainElement(images.URL + "/pub/tiny.tar: is fetched first, unless it is in the image cache"))
		Expect(wholes.Load()).To(BeZero())
	})

	It("is, for an operation that goes on after a restart, the one that it began with", func() {
		s := slowSecond(func(b *blueprint) {
			b.lasting, b.uploads, b.urls, b.global = true, true, true, map[string]string{"image_urls": images.URL + "/pub/"}
		})
		r := s.deployment()
		r.Environment = []byte(description(images.URL + "/pub/tiny.tar|tar"))
		o := s.begin(r)
		o.settled("node-1", message.NodePhase_OK)
		other := tarOf(entry{name: "vmlinuz", content: "another"}, entry{name: "initrd.img", content: "i"})
		content.Store(&other)
		tag.Store(`"2"`)
		s.restart()
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(s.disk("node-2", "etc/os-release")).To(Equal("ID=tiny\n"))
		Expect(wholes.Load()).To(BeEquivalentTo(1))
	})

	It("is, in the catalogue, the file that it was when it was added", func() {
		e, adding := &message.EnvRef{Name: "tiny"}, &message.EnvAdd{ClientId: uuid.NewString(), Environment: asks("dana", "/pub/tiny.tar").GetEnvironment(), EnvironmentPath: "/home/dana/tiny.env"}
		Expect(s.clientOf("dana").ask(adding)).To(BeAssignableToTypeOf(&message.Env{}))
		other := tarOf(entry{name: "vmlinuz", content: "another"})
		content.Store(&other)
		tag.Store(`"2"`)
		by := asks("dana", "")
		by.Environment, by.EnvironmentPath, by.EnvironmentName = nil, "", "tiny"
		o := s.run(by)
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.GetText())
		Expect(s.clientOf("dana").ask(&message.EnvVerify{ClientId: "before", Env: e})).To(BeAssignableToTypeOf(&message.Env{}))

		s.run(asks("dana", "/pub/tiny.tar")) // what is there now takes the place of what was
		no := s.clientOf("dana").refused(&message.EnvVerify{ClientId: "after", Env: e})
		Expect(no.GetText()).To(MatchRegexp("image of tiny: " + images.URL + "/pub/tiny.tar: what is there has the SHA-256 .*, and .* is wanted"))
		by.ClientId = uuid.NewString()
		Expect(s.run(by).ended.GetOutcome()).To(Equal(message.Outcome_FAILED))
	})
})

var _ = It("A server that fetches nothing says so", func() {
	s := newSite(blueprint{nodes: 1, uploads: true})
	r := s.deployment()
	r.Environment = []byte(description("http://127.0.0.1:1/x|tar"))
	Expect(s.client().refused(r).GetText()).To(ContainSubstring("this server fetches no URLs"))
})
