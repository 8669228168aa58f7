package agent_test

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
	"testing/iotest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/agent"
)

// stream counts what is read of it. It has no end.
type stream struct{ atomic.Int64 }

func (s *stream) Read(p []byte) (int, error) {
	s.Add(int64(len(p)))
	return len(p), nil
}

// bug panics when it is read.
type bug struct{}

func (bug) Read([]byte) (int, error) { panic("out of range") }

var _ = Describe("A stream that is read ahead", func() {
	const piece = 64 << 10
	open := func(r io.Reader) io.Reader {
		ahead, stop := agent.ReadAhead(r)
		DeferCleanup(stop)
		return ahead
	}

	DescribeTable("is the same, whatever its size and however it comes",
		func(size int) {
			content := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
			for _, as := range []func(io.Reader) io.Reader{iotest.DataErrReader, iotest.HalfReader, func(r io.Reader) io.Reader { return r }} {
				got, err := io.ReadAll(open(as(bytes.NewReader(content))))
				Expect(err).NotTo(HaveOccurred())
				Expect(bytes.Equal(got, content)).To(BeTrue())
			}
		},
		Entry("0", 0), Entry("1", 1), Entry("a piece but one", piece-1), Entry("a piece", piece), Entry("a piece and one", piece+1), Entry("many pieces", 20*piece+5),
	)

	It("is read before anybody asks, but not further than a few pieces", func() {
		s := &stream{}
		open(s)
		Eventually(s.Load).Should(BeEquivalentTo(agent.Ahead))
		Consistently(s.Load, "50ms").Should(BeEquivalentTo(agent.Ahead))
	})

	It("ends with its own error, after all that came before: a cut is no end", func() {
		for _, why := range []error{io.ErrUnexpectedEOF, errors.New("gone")} {
			ahead := open(io.MultiReader(bytes.NewReader(make([]byte, 2*piece+1)), iotest.ErrReader(why)))
			got, err := io.ReadAll(ahead)
			Expect(err).To(Equal(why))
			Expect(got).To(HaveLen(2*piece + 1))
		}
	})

	It("makes a panic its error", func() {
		_, err := open(bug{}).Read(make([]byte, 1))
		Expect(err).To(MatchError(ContainSubstring("bug in the agent: panic: out of range")))
	})
})

var _ = Describe("An image", func() {
	var whole []byte
	BeforeEach(func() { whole = tarball([2]string{"f", "content"}) })
	never := func(error) { Fail("nothing was to be refused") }

	It("is read to its end, even when its consumer needs less", func() {
		rest := bytes.NewReader(append(bytes.Clone(whole), make([]byte, 1<<20)...))
		Expect(agent.Unpack("none", rest, never, func(io.Reader) error { return nil })).To(Succeed())
		Expect(rest.Len()).To(BeZero())
	})

	It("that was cut is an error, even when its consumer has all it needs", func() {
		var refused error
		err := agent.Unpack("gzip", bytes.NewReader(whole[:len(whole)-1]), func(why error) { refused = why }, func(io.Reader) error { return nil })
		Expect(err).To(MatchError(io.ErrUnexpectedEOF))
		Expect(refused).To(Equal(err))
	})

	It("is refused at once when its consumer fails, though more is to come", func() {
		r, w := io.Pipe()
		why := errors.New("disk full")
		done := make(chan error, 1)
		go func() {
			done <- agent.Unpack("none", r, func(why error) { r.CloseWithError(why) }, func(io.Reader) error { return why })
		}()
		Eventually(done).Should(Receive(Equal(why)))
		_, err := w.Write([]byte("more"))
		Expect(err).To(Equal(why))
	})

	It("is refused when its consumer panics", func() {
		r, w := io.Pipe()
		done := make(chan error, 1)
		go func() {
			done <- agent.Unpack("none", r, func(why error) { r.CloseWithError(why) }, func(io.Reader) error { panic("nil map") })
		}()
		Eventually(done).Should(Receive(MatchError("bug in the agent: panic: nil map")))
		_, err := w.Write([]byte("more"))
		Expect(err).To(MatchError(ContainSubstring("nil map")))
	})
})
