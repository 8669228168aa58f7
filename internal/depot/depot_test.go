package depot_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/depot"
)

var _ = Describe("An upload", func() {
	DescribeTable("of any size becomes a file with exactly its bytes", func(size int) {
		d, b := opened(depot.Config{}), content(1, size)
		Expect(put(d, "ada", b)).To(Succeed())
		path, err := d.Path("ada", sum(b))
		Expect(err).NotTo(HaveOccurred())
		Expect(os.ReadFile(path)).To(Equal(b))
		Expect(path).To(HaveSuffix("/sha256/" + sum(b).String()[:2] + "/" + sum(b).String()))
	},
		Entry("nothing", 0), Entry("a byte", 1), Entry("a buffer less one", 256<<10-1), Entry("a buffer", 256<<10),
		Entry("a buffer and one", 256<<10+1), Entry("many", 3<<20))

	It("goes on from what is there after it was cut", func() {
		d, b := opened(depot.Config{}), content(1, 1<<20)
		have, err := d.Append(ctx, "ada", sum(b), 1<<20, 0, cut(b, 300_000))
		Expect(err).To(MatchError(errCut))
		Expect(have).To(BeEquivalentTo(300_000))
		Expect(there(d, "ada", b)).To(BeEquivalentTo(300_000))
		Expect(has(d, "ada", b)).To(BeFalse())
		_, err = d.Path("ada", sum(b))
		Expect(err).To(MatchError(depot.ErrUnknown))
		Expect(d.Append(ctx, "ada", sum(b), 1<<20, 300_000, bytes.NewReader(b[300_000:]))).To(BeEquivalentTo(1 << 20))
		Expect(has(d, "ada", b)).To(BeTrue())
	})

	It("may come in parts, each of which ends without an error", func() {
		d, b := opened(depot.Config{}), content(1, 1000)
		for at := 0; at < 1000; at += 100 {
			Expect(d.Append(ctx, "ada", sum(b), 1000, int64(at), bytes.NewReader(b[at:at+100]))).To(BeEquivalentTo(at + 100))
		}
		Expect(has(d, "ada", b)).To(BeTrue())
	})

	It("at another offset is refused with the right one, and nothing is read", func() {
		d, b := opened(depot.Config{}), content(1, 1000)
		_, _ = d.Append(ctx, "ada", sum(b), 1000, 0, cut(b, 400))
		for _, offset := range []int64{0, 399, 401, 1000} {
			_, err := d.Append(ctx, "ada", sum(b), 1000, offset, failing{})
			var wrong *depot.OffsetError
			Expect(errors.As(err, &wrong)).To(BeTrue())
			Expect(wrong.Have).To(BeEquivalentTo(400))
		}
	})

	It("with another digest is thrown away, and may be sent again", func() {
		dir := GinkgoT().TempDir()
		d, b := opened(depot.Config{Dir: dir}), content(1, 1000)
		bad := bytes.Clone(b)
		bad[500]++
		have, err := d.Append(ctx, "ada", sum(b), 1000, 0, bytes.NewReader(bad))
		Expect(err).To(MatchError(&depot.DigestError{Want: sum(b), Got: sum(bad)}))
		Expect(have).To(BeZero())
		Expect(stored(dir)).To(BeEmpty())
		Expect(there(d, "ada", b)).To(BeZero())
		Expect(put(d, "ada", b)).To(Succeed())
	})

	It("whose first part was wrong is found out at its end, also by another server", func() {
		dir := GinkgoT().TempDir()
		d, b := opened(depot.Config{Dir: dir}), content(1, 1000)
		_, _ = d.Append(ctx, "ada", sum(b), 1000, 0, cut(make([]byte, 1000), 400))
		Expect(d.Close()).To(Succeed())
		d = opened(depot.Config{Dir: dir})
		_, err := d.Append(ctx, "ada", sum(b), 1000, 400, bytes.NewReader(b[400:]))
		Expect(err).To(BeAssignableToTypeOf(&depot.DigestError{}))
	})

	It("that had been announced with another size starts again", func() {
		d, b := opened(depot.Config{}), content(1, 1000)
		_, _ = d.Append(ctx, "ada", sum(b), 5000, 0, cut(make([]byte, 5000), 3000))
		Expect(put(d, "ada", b)).To(Succeed())
	})

	It("reads nothing beyond its size", func() {
		d, b := opened(depot.Config{}), content(1, 1000)
		Expect(d.Append(ctx, "ada", sum(b), 1000, 0, io.MultiReader(bytes.NewReader(b), failing{}))).To(BeEquivalentTo(1000))
	})

	It("of a file that is there ends at once", func() {
		d, b := opened(depot.Config{}), content(1, 1000)
		Expect(put(d, "ada", b)).To(Succeed())
		Expect(d.Append(ctx, "ada", sum(b), 1000, 0, failing{})).To(BeEquivalentTo(1000))
		_, err := d.Append(ctx, "ada", sum(b), 999, 0, failing{})
		Expect(err).To(MatchError(ContainSubstring("has 1000 bytes, not 999")))
	})

	It("is ended when its owner comes again, who is told how much of it came", func() {
		d, b := opened(depot.Config{}), content(1, 1000)
		first := newStalled(b[:600])
		ended := make(chan error, 1)
		go func() {
			_, err := d.Append(ctx, "ada", sum(b), 1000, 0, first)
			ended <- err
		}()
		Eventually(first.waits).Should(BeClosed())
		Expect(there(d, "ada", b)).To(BeEquivalentTo(600))
		Expect(<-ended).To(MatchError(depot.ErrSuperseded))
		Expect(d.Append(ctx, "ada", sum(b), 1000, 600, bytes.NewReader(b[600:]))).To(BeEquivalentTo(1000))
	})

	It("is ended when the depot closes, and goes on when it is open again", func() {
		dir := GinkgoT().TempDir()
		d, b := opened(depot.Config{Dir: dir}), content(1, 1000)
		first := newStalled(b[:600])
		ended := make(chan error, 1)
		go func() {
			_, err := d.Append(ctx, "ada", sum(b), 1000, 0, first)
			ended <- err
		}()
		Eventually(first.waits).Should(BeClosed())
		Expect(d.Close()).To(Succeed())
		Expect(<-ended).To(MatchError(depot.ErrClosed))
		Expect(put(d, "ada", b)).To(MatchError(depot.ErrClosed))
		Expect(there(opened(depot.Config{Dir: dir}), "ada", b)).To(BeEquivalentTo(600))
	})

	It("ends with its context", func() {
		d, b := opened(depot.Config{}), content(1, 1000)
		ctx, cancel := context.WithCancel(ctx)
		first := newStalled(b[:600])
		ended := make(chan error, 1)
		go func() {
			_, err := d.Append(ctx, "ada", sum(b), 1000, 0, first)
			ended <- err
		}()
		Eventually(first.waits).Should(BeClosed())
		cancel()
		Expect(<-ended).To(MatchError(context.Canceled))
	})

	It("is one of at most eight of its owner at once", func() {
		d := opened(depot.Config{})
		ctx, cancel := context.WithCancel(ctx)
		var ended []chan error
		for i := range 8 {
			b, end := content(byte(i), 100), make(chan error, 1)
			first := newStalled(b[:10])
			ended = append(ended, end)
			go func() {
				_, err := d.Append(ctx, "ada", sum(b), 100, 0, first)
				end <- err
			}()
			Eventually(first.waits).Should(BeClosed())
		}
		Expect(put(d, "ada", content(99, 100))).To(MatchError(depot.ErrBusy))
		Expect(put(d, "bob", content(99, 100))).To(Succeed())
		cancel()
		for _, end := range ended {
			Expect(<-end).To(MatchError(context.Canceled))
		}
	})

	It("finds out that its first part was removed from the disk", func() {
		dir := GinkgoT().TempDir()
		d, b := opened(depot.Config{Dir: dir}), content(1, 1000)
		_, _ = d.Append(ctx, "ada", sum(b), 1000, 0, cut(b, 400))
		Expect(os.Remove(filepath.Join(dir, "partial", "ada-"+sum(b).String()))).To(Succeed())
		_, err := d.Append(ctx, "ada", sum(b), 1000, 400, bytes.NewReader(b[400:]))
		Expect(err).To(MatchError(&depot.OffsetError{Have: 0}))
		Expect(put(d, "ada", b)).To(Succeed())
	})
})

var _ = Describe("Two owners of the same file", func() {
	It("know nothing of each other, and each has to send it; it is kept once", func() {
		dir := GinkgoT().TempDir()
		d, b := opened(depot.Config{Dir: dir}), content(1, 1000)
		Expect(put(d, "ada", b)).To(Succeed())
		Expect(has(d, "bob", b)).To(BeFalse())
		Expect(there(d, "bob", b)).To(BeZero())
		_, err := d.Path("bob", sum(b))
		Expect(err).To(MatchError(depot.ErrUnknown))
		_, _, err = d.Use("bob", sum(b))
		Expect(err).To(MatchError(depot.ErrUnknown))
		_, err = d.Append(ctx, "bob", sum(b), 1000, 1000, strings.NewReader(""))
		Expect(err).To(MatchError(&depot.OffsetError{Have: 0}), "an empty rest proves nothing")

		ours, err := d.Path("ada", sum(b))
		Expect(err).NotTo(HaveOccurred())
		before, err := os.Stat(ours)
		Expect(err).NotTo(HaveOccurred())
		Expect(put(d, "bob", b)).To(Succeed())
		Expect(d.Path("bob", sum(b))).To(Equal(ours))
		after, err := os.Stat(ours)
		Expect(err).NotTo(HaveOccurred())
		Expect(after.Sys()).To(Equal(before.Sys()), "who has read it sees the same file, to the last of its times")
		Expect(stored(filepath.Join(dir, "sha256"))).To(HaveLen(1))
		Expect(stored(filepath.Join(dir, "partial"))).To(BeEmpty())
	})

	It("cannot be mistaken for each other, whatever their names are", func() {
		dir := GinkgoT().TempDir()
		d := opened(depot.Config{Dir: dir})
		for i, owner := range []string{"../ada", "..", ".", "/", "a/b", "a%2Fb", "a-b", "a\x00b", "a\nb", "A", "a", "ka://user/ada", "é"} {
			b := content(byte(i), 100)
			Expect(put(d, owner, b)).To(Succeed(), owner)
			Expect(has(d, owner, b)).To(BeTrue())
		}
		Expect(stored(filepath.Join(dir, "owners"))).To(HaveLen(13))
		Expect(d.Close()).To(Succeed())
		d = opened(depot.Config{Dir: dir})
		Expect(has(d, "../ada", content(0, 100))).To(BeTrue())
		Expect(has(d, "..", content(0, 100))).To(BeFalse())
		Expect(put(d, "", content(1, 1))).To(MatchError(depot.ErrOwner))
		Expect(put(d, strings.Repeat("é", 31), content(1, 1))).To(MatchError(depot.ErrOwner))
		Expect(put(d, strings.Repeat("e", 180), content(1, 1))).To(Succeed())
	})
})

var _ = Describe("A directory", func() {
	It("belongs to one server at a time", func() {
		dir := GinkgoT().TempDir()
		opened(depot.Config{Dir: dir})
		_, err := depot.Open(depot.Config{Dir: dir})
		Expect(err).To(MatchError(ContainSubstring("another server uses this directory")))
	})

	It("has what it had after a restart, and what cannot be used any more leaves", func() {
		dir, now := GinkgoT().TempDir(), newClock()
		d := opened(depot.Config{Dir: dir, Now: now.Now})
		whole, half := content(1, 1000), content(2, 1000)
		Expect(put(d, "ada", whole)).To(Succeed())
		_, _ = d.Append(ctx, "ada", sum(half), 1000, 0, cut(half, 400))
		Expect(d.Close()).To(Succeed())

		orphan, dangling := content(3, 10), content(4, 10)
		write := func(name, text string) {
			GinkgoHelper()
			path := filepath.Join(dir, name)
			Expect(os.MkdirAll(filepath.Dir(path), 0o700)).To(Succeed())
			Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
		}
		write("sha256/"+sum(orphan).String()[:2]+"/"+sum(orphan).String(), string(orphan))
		write("owners/ada/"+sum(dangling).String(), "")
		write("partial/bob-"+sum(whole).String(), "old")
		write("partial/ada-"+sum(whole).String(), "of what is whole")
		long := time.Now().Add(-8 * 24 * time.Hour)
		Expect(os.Chtimes(filepath.Join(dir, "partial/bob-"+sum(whole).String()), long, long)).To(Succeed())
		write("sha256/README", "not ours")
		write("owners/../partial/README", "not ours")
		write("partial/..%2f-"+sum(whole).String(), "not ours")

		d = opened(depot.Config{Dir: dir})
		Expect(has(d, "ada", whole)).To(BeTrue())
		Expect(there(d, "ada", half)).To(BeEquivalentTo(400))
		Expect(stored(dir)).To(ConsistOf(
			"sha256/"+sum(whole).String()[:2]+"/"+sum(whole).String(), "owners/ada/"+sum(whole).String(), "partial/ada-"+sum(half).String(),
			"sha256/README", "partial/README", "partial/..%2f-"+sum(whole).String()))
		Expect(d.Append(ctx, "ada", sum(half), 1000, 400, bytes.NewReader(half[400:]))).To(BeEquivalentTo(1000))
	})

	It("lets an upload that was whole when the server was killed end with an empty rest", func() {
		dir, b := GinkgoT().TempDir(), content(1, 1000)
		Expect(os.MkdirAll(filepath.Join(dir, "partial"), 0o700)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(dir, "partial", "ada-"+sum(b).String()), b, 0o600)).To(Succeed())
		d := opened(depot.Config{Dir: dir})
		Expect(there(d, "ada", b)).To(BeEquivalentTo(1000))
		Expect(has(d, "ada", b)).To(BeFalse())
		Expect(d.Append(ctx, "ada", sum(b), 1000, 1000, strings.NewReader(""))).To(BeEquivalentTo(1000))
		Expect(has(d, "ada", b)).To(BeTrue())
	})
})

// stalled gives some bytes and then waits until it is interrupted.
type stalled struct {
	from  io.Reader
	waits chan struct{} // closed when it waits
	over  chan struct{}
}

func newStalled(b []byte) *stalled {
	return &stalled{bytes.NewReader(b), make(chan struct{}), make(chan struct{})}
}

func (s *stalled) Read(p []byte) (int, error) {
	if n, err := s.from.Read(p); err == nil {
		return n, nil
	}
	close(s.waits)
	<-s.over
	return 0, errCut
}

func (s *stalled) Interrupt() { close(s.over) }
