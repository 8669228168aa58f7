package readback_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine/readback"
)

func TestSpecs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "readback")
}

var _ = Describe("What was written", func() {
	ctx := context.Background()
	image := func(size int) []byte {
		data := make([]byte, size)
		rand.NewChaCha8([32]byte{7}).Read(data)
		return data
	}
	written := func(data []byte, piece int) *readback.Written {
		w := &readback.Written{}
		for len(data) > 0 {
			n, err := w.Write(data[:min(piece, len(data))])
			Expect(err).NotTo(HaveOccurred())
			data = data[n:]
		}
		return w
	}

	DescribeTable("is known again, in whatever pieces it came",
		func(size, piece int) {
			data := image(size)
			disk := append(bytes.Clone(data), "what was on the disk before"...)
			Expect(written(data, piece).Compare(ctx, iotest.HalfReader(bytes.NewReader(disk)))).To(Succeed())
		},
		Entry(nil, 0, 1), Entry(nil, 1, 1), Entry(nil, 4<<20, 1<<20), Entry(nil, 9_000_001, 4<<20+1), Entry(nil, 9_000_001, 9_000_001), Entry(nil, 300_000, 7),
	)

	It("is told apart from what differs in one bit, by its place", func() {
		data := image(9_000_001)
		w := written(data, 1<<20)
		data[8_999_999] ^= 1
		err := w.Compare(ctx, bytes.NewReader(data))
		Expect(err).To(MatchError(readback.ErrDiffers))
		Expect(err).To(MatchError("read the image back: the disk does not hold what was written from byte 8388608 to 9000000: is the disk broken?"))
	})

	It("is not there when it cannot be read", func() {
		data := image(5 << 20)
		err := written(data, 1<<20).Compare(ctx, io.MultiReader(bytes.NewReader(data[:4<<20+5]), iotest.ErrReader(errors.New("input/output error"))))
		Expect(err).To(MatchError("read the image back: byte 4194304 and on: input/output error"))
		Expect(written(data, 1<<20).Compare(ctx, bytes.NewReader(data[:4<<20]))).To(MatchError(io.EOF))
	})

	It("is not read to its end when nobody waits for that any more", func() {
		ended, cancel := context.WithCancelCause(ctx)
		w := written(image(9_000_001), 1<<20)
		reads := 0
		err := w.Compare(ended, readerFunc(func(p []byte) (int, error) {
			reads++
			cancel(errors.New("aborted"))
			return copy(p, image(9_000_001)), nil
		}))
		Expect(err).To(MatchError("read the image back: aborted"))
		Expect(reads).To(Equal(1))
	})
})

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
