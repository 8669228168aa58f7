package imagecache_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/imagecache"
)

var _ = Describe("A cache", func() {
	content := image(1, 300_000)

	small := func(c *imagecache.Config) { c.MaxBytes = 1_000_000 }

	It("lets those share one fetch who want the same at the same time", func() {
		l, m := newLarder(func(c *imagecache.Config) { c.Silence = time.Minute }), newMirror(content)
		m.hold = make(chan struct{})
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				defer GinkgoRecover()
				l.gets(m.URL, content)
			})
		}
		Consistently(m.requests).Should(BeEmpty())
		close(m.hold)
		all.Wait()
		Expect(m.requests()[0]).To(Equal("whole"))
		Expect(m.requests()[1:]).NotTo(ContainElement("whole"))
	})

	It("fetches different files side by side", func() {
		l, slow, fast := newLarder(func(c *imagecache.Config) { c.Silence = time.Minute }), newMirror(content), newMirror(image(2, 1000))
		slow.hold = make(chan struct{})
		over := make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(over)
			l.gets(slow.URL, content)
		}()
		l.gets(fast.URL, image(2, 1000))
		Expect(over).NotTo(BeClosed())
		close(slow.hold)
		Eventually(over).Should(BeClosed())
	})

	It("ends a fetch when the last who wants it leaves, and goes on with it for the next", func() {
		l, m := newLarder(func(c *imagecache.Config) { c.Silence = time.Minute }), newMirror(content)
		m.cuts, m.hang = []int{100_000}, true
		ctx, leave := context.WithCancelCause(context.Background())
		gone := errors.New("gone")
		_, err := l.Fetch(ctx, imagecache.Want{URL: m.URL}, func(done, _ int64) {
			if done == 100_000 {
				leave(gone)
			}
		})
		Expect(err).To(MatchError(gone))
		l.gets(m.URL, content)
		Expect(m.requests()).To(Equal([]string{"whole", "bytes=100000-"}))
	})

	It("keeps a file once that is at two URLs", func() {
		l, one, two := newLarder(), newMirror(content), newMirror(content)
		l.gets(one.URL, content)
		l.gets(two.URL, content)
		Expect(l.files("sha256")).To(HaveLen(1))
		Expect(l.files("urls")).To(HaveLen(2))
	})

	It("lets leave what was not used for the longest time, when room is wanted", func() {
		now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
		l := newLarder(small, func(c *imagecache.Config) { c.Now = func() time.Time { now = now.Add(time.Hour); return now } })
		var mirrors []*mirror
		for seed := range byte(3) {
			m := newMirror(image(seed, 300_000))
			mirrors = append(mirrors, m)
			l.gets(m.URL, m.content)
		}
		l.gets(mirrors[0].URL, mirrors[0].content) // now the second is the oldest
		l.reopen()
		fourth := newMirror(image(4, 300_000))
		l.gets(fourth.URL, fourth.content)
		Expect(l.files("sha256")).To(ConsistOf(digest(image(0, 300_000)), digest(image(2, 300_000)), digest(fourth.content)))
	})

	It("never lets leave what is in use, and says so when nothing else is left", func() {
		l, one, two := newLarder(small), newMirror(image(1, 600_000)), newMirror(image(2, 600_000))
		used, err := l.fetch(one.URL, "")
		Expect(err).NotTo(HaveOccurred())
		_, err = l.fetch(two.URL, "")
		Expect(err).To(MatchError(ContainSubstring("full of files in use")))
		l.is(used, one.content)
		used.Release()
		used.Release()
		l.gets(two.URL, two.content)
		Expect(l.files("sha256")).To(Equal([]string{digest(two.content)}))
	})

	DescribeTable("takes nothing that is larger than itself", func(change func(*mirror)) {
		l, m := newLarder(small), newMirror(image(1, 1_200_000))
		change(m)
		_, err := l.fetch(m.URL, "")
		var full *imagecache.FullError
		Expect(errors.As(err, &full)).To(BeTrue())
		Expect(l.files("sha256")).To(BeEmpty())
	},
		Entry("as its server says", func(*mirror) {}),
		Entry("as is seen when it is there", func(m *mirror) { m.chunked = true }),
	)

	It("replaces an old file by a new one even if both have no room", func() {
		l, m := newLarder(small), newMirror(image(1, 600_000))
		l.gets(m.URL, m.content)
		m.set(func(m *mirror) { m.content, m.etag = image(2, 600_000), `"v2"` })
		l.gets(m.URL, image(2, 600_000))
	})

	It("takes new limits", func() {
		l, m := newLarder(small), newMirror(image(1, 1_200_000))
		l.Limit(2_000_000)
		l.gets(m.URL, m.content)
	})

	It("is of one server at a time, and of nobody when it is closed", func() {
		l := newLarder()
		_, err := imagecache.Open(l.cfg)
		Expect(err).To(MatchError(ContainSubstring("another server uses this directory")))
		Expect(l.Close()).To(Succeed())
		_, err = l.fetch("http://127.0.0.1:1/", "")
		Expect(err).To(MatchError(ContainSubstring("the server is stopping")))
	})

	It("goes on after a restart with what came before it", func() {
		l, m := newLarder(func(c *imagecache.Config) { c.Tries = 1 }), newMirror(content)
		m.cuts = []int{100_000}
		_, err := l.fetch(m.URL, "")
		Expect(err).To(MatchError(ContainSubstring("cut off")))
		l.reopen()
		l.gets(m.URL, content)
		Expect(m.requests()).To(Equal([]string{"whole", "bytes=100000-"}))
		l.reopen()
		l.gets(m.URL, content)
		Expect(m.requests()[2:]).To(Equal([]string{"changed?"}))
	})

	It("throws away at its start what nobody can go on with, and touches nothing else", func() {
		l, m := newLarder(func(c *imagecache.Config) { c.Tries = 1 }), newMirror(content)
		l.gets(m.URL, content)
		half := newMirror(content)
		half.cuts = []int{100_000}
		_, err := l.fetch(half.URL, "")
		Expect(err).To(HaveOccurred())
		Expect(l.Close()).To(Succeed())

		at := func(name string) string { return filepath.Join(l.cfg.Dir, name) }
		write := func(name string, b []byte) {
			GinkgoHelper()
			Expect(os.MkdirAll(filepath.Dir(at(name)), 0o755)).To(Succeed())
			Expect(os.WriteFile(at(name), b, 0o600)).To(Succeed())
		}
		key, other := digest([]byte("a URL")), digest([]byte("another"))
		write("partial/"+key, []byte("half, and nobody knows of what"))
		write("partial/"+other+".json", []byte(`{"Validator": "\"x\"", "Synced": 5}`))
		write("partial/"+other+".json.new", []byte("{"))
		write("urls/"+key, []byte("no json"))
		write("urls/"+other+".new", []byte("{"))
		write("README", []byte("an operator's"))
		whole := l.files("partial")[0] // what is beyond the last mark is not believed
		for _, name := range l.files("partial") {
			if len(name) == 64 && name != key {
				whole = name
			}
		}
		f, err := os.OpenFile(at("partial/"+whole), os.O_APPEND|os.O_WRONLY, 0)
		Expect(err).NotTo(HaveOccurred())
		_, err = f.Write(make([]byte, 4096))
		Expect(err).NotTo(HaveOccurred())
		Expect(f.Close()).To(Succeed())

		l.open()
		Expect(l.files("urls")).To(HaveLen(1))
		Expect(l.files("partial")).To(ConsistOf(whole, whole+".json"))
		Expect(at("README")).To(BeAnExistingFile())
		l.gets(half.URL, content)
		Expect(half.requests()).To(Equal([]string{"whole", "bytes=100000-"}))
	})

	It("has after its start what was in use before, although its URL has another file since, and lets that leave first", func() {
		l, m := newLarder(small), newMirror(image(1, 400_000))
		used, err := l.fetch(m.URL, "")
		Expect(err).NotTo(HaveOccurred())
		m.set(func(m *mirror) { m.content, m.etag = image(2, 400_000), `"v2"` })
		l.gets(m.URL, m.content)
		l.reopen()
		again := l.Hold(used.SHA256)
		l.is(again, image(1, 400_000))
		Expect(l.Hold(digest(content))).To(BeNil(), "what is not here")

		third := newMirror(image(3, 500_000))
		l.gets(third.URL, third.content)
		Expect(l.files("sha256")).To(ConsistOf(used.SHA256, digest(third.content)), "it is held")
		again.Release()
		l.reopen()
		l.gets(m.URL, m.content)
		Expect(l.files("sha256")).To(ConsistOf(digest(m.content), digest(third.content)), "it is not held any more")
	})

	It("asks for the last byte again when only the end of a fetch is missing", func() {
		l, m := newLarder(func(c *imagecache.Config) { c.Tries = 1 }), newMirror(content)
		m.cuts = []int{100_000}
		_, err := l.fetch(m.URL, "")
		Expect(err).To(HaveOccurred())
		Expect(l.Close()).To(Succeed())
		for _, name := range l.files("partial") { // as a server leaves it that is killed just before the last step
			path := filepath.Join(l.cfg.Dir, "partial", name)
			whole := content
			if filepath.Ext(name) == ".json" {
				text, err := os.ReadFile(path)
				Expect(err).NotTo(HaveOccurred())
				whole = bytes.Replace(text, []byte(`"Synced":100000`), []byte(`"Synced":300000`), 1)
			}
			Expect(os.WriteFile(path, whole, 0o600)).To(Succeed())
		}
		l.open()
		l.gets(m.URL, content)
		Expect(m.requests()).To(Equal([]string{"whole", "bytes=299999-"}))
	})
})
