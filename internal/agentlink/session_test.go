package agentlink_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

// done is what a Do returned.
type done struct {
	result *agentpb.Result
	err    error
}

var _ = Describe("Session", func() {
	var d *desk
	var p *peer
	var s *agentlink.Session

	do := func(ctx context.Context, o *agentpb.Order, progress func(*agentpb.Progress)) <-chan done {
		c := make(chan done, 1)
		go func() {
			r, err := s.Do(ctx, o, progress)
			c <- done{r, err}
		}()
		return c
	}
	receive := func(c <-chan done) done {
		GinkgoHelper()
		var got done
		Eventually(c, "10s").Should(Receive(&got))
		return got
	}

	BeforeEach(func() {
		d = open(nil)
		p = join(d, "node-1")
		s = d.session(1)
	})

	Describe("Do", func() {
		It("gives the order a number and returns the result, good or bad", func() {
			for i, text := range []string{"", "no such partition"} {
				c := do(context.Background(), order("sync"), nil)
				o := p.order()
				Expect(o.Id).To(Equal(uint64(i + 1)))
				Expect(o.Step).To(Equal("sync"))
				p.answer(o.Id, text)
				got := receive(c)
				Expect(got.err).NotTo(HaveOccurred())
				Expect(got.result.Ok).To(Equal(text == ""))
				Expect(got.result.Error).To(Equal(text))
			}
		})

		It("tells the agent how long it has", func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c := do(ctx, order("sync"), nil)
			o := p.order()
			Expect(o.Timeout.AsDuration()).To(BeNumerically("~", time.Minute, 10*time.Second))
			p.answer(o.Id, "")
			receive(c)
		})

		It("passes progress on, in order, and none of another order", func() {
			var seen []uint64
			c := do(context.Background(), order("send_environment"), func(p *agentpb.Progress) { seen = append(seen, p.Bytes) })
			o := p.order()
			for _, b := range []uint64{10, 20, 30} {
				p.say(&agentpb.FromAgent{Body: &agentpb.FromAgent_Progress{Progress: &agentpb.Progress{Order: o.Id, Bytes: b}}})
				p.say(&agentpb.FromAgent{Body: &agentpb.FromAgent_Progress{Progress: &agentpb.Progress{Order: o.Id + 1, Bytes: 99}}})
			}
			p.answer(o.Id+7, "of nobody")
			p.answer(o.Id, "")
			Expect(receive(c).result.Ok).To(BeTrue())
			Expect(seen).To(Equal([]uint64{10, 20, 30}))
		})

		It("gives one order at a time", func() {
			first := do(context.Background(), order("one"), nil)
			o := p.order()
			second := do(context.Background(), order("two"), nil)
			Consistently(second, "50ms").ShouldNot(Receive())
			p.answer(o.Id, "")
			Expect(receive(first).result.Ok).To(BeTrue())
			o = p.order()
			Expect(o.Step).To(Equal("two"))
			p.answer(o.Id, "")
			Expect(receive(second).result.Ok).To(BeTrue())
		})

		It("has the agent abort when its context ends, and returns the cause", func() {
			why := errors.New("the deployment was cancelled")
			ctx, cancel := context.WithCancelCause(context.Background())
			c := do(ctx, order("sync"), nil)
			o := p.order()
			cancel(why)
			m, err := p.Recv()
			Expect(err).NotTo(HaveOccurred())
			Expect(m.GetAbort().GetOrder()).To(Equal(o.Id))
			p.answer(o.Id, "aborted")
			Expect(receive(c).err).To(MatchError(why))
		})

		It("has it abort however early its context ends: what was sent is never left running", func() {
			for range 300 {
				ctx, cancel := context.WithCancel(context.Background())
				c := do(ctx, order("sync"), nil)
				o := p.order()
				cancel()
				m, err := p.Recv()
				Expect(err).NotTo(HaveOccurred())
				Expect(m.GetAbort().GetOrder()).To(Equal(o.Id))
				p.answer(o.Id, "aborted")
				Expect(receive(c).err).To(MatchError(context.Canceled))
			}
		})

		It("sends nothing for a caller whose context has ended, though it is the session's turn", func() {
			why := errors.New("the deployment was cancelled")
			ctx, cancel := context.WithCancelCause(context.Background())
			cancel(why)
			for range 100 {
				Expect(receive(do(ctx, order("never"), nil)).err).To(MatchError(why))
			}
			c := do(context.Background(), order("next"), nil)
			o := p.order()
			Expect(o.Step).To(Equal("next"))
			p.answer(o.Id, "")
			Expect(receive(c).result.Ok).To(BeTrue())
		})

		It("takes an agent that does not abort for lost: it is given no further order", func() {
			why := errors.New("the deployment was cancelled")
			ctx, cancel := context.WithCancelCause(context.Background())
			c := do(ctx, order("sync"), nil)
			hung := p.order()
			p.answer(hung.Id+7, "of nobody")
			cancel(why)
			next := do(context.Background(), order("next"), nil)
			Expect(receive(c).err).To(And(MatchError(agentlink.ErrLost), MatchError(why)))
			Expect(receive(next).err).To(MatchError(agentlink.ErrLost))
			Expect(s.Done()).To(BeClosed())
			m, err := p.Recv()
			Expect(err).NotTo(HaveOccurred())
			Expect(m.GetAbort().GetOrder()).To(Equal(hung.Id))
			_, err = p.Recv()
			Expect(status.Code(err)).To(Equal(codes.Unavailable), "it may call again once its order has ended")
			Eventually(d.left, "5s").Should(ConsistOf(MatchError(agentlink.ErrLost)))
		})

		It("takes one that goes away instead of aborting for lost as well", func() {
			ctx, cancel := context.WithCancel(context.Background())
			c := do(ctx, order("sync"), nil)
			p.order()
			cancel()
			_, err := p.Recv()
			Expect(err).NotTo(HaveOccurred())
			Expect(p.CloseSend()).To(Succeed())
			Expect(receive(c).err).To(And(MatchError(agentlink.ErrLost), MatchError(context.Canceled)))
		})

		It("has the agent abort for whatever cause, and keeps the one that did", func() {
			ctx, cancel := context.WithCancelCause(context.Background())
			c := do(ctx, order("sync"), nil)
			o := p.order()
			cancel(agentlink.ErrLost)
			m, err := p.Recv()
			Expect(err).NotTo(HaveOccurred())
			Expect(m.GetAbort().GetOrder()).To(Equal(o.Id))
			p.answer(o.Id, "aborted")
			Expect(receive(c).err).To(MatchError(agentlink.ErrLost))
			Consistently(s.Done(), "50ms").ShouldNot(BeClosed())
		})

		It("does not wait for its turn longer than its context", func() {
			first := do(context.Background(), order("one"), nil)
			o := p.order()
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
			defer cancel()
			Expect(receive(do(ctx, order("two"), nil)).err).To(MatchError(context.DeadlineExceeded))
			p.answer(o.Id, "")
			receive(first)
		})

		It("returns ErrLost when the agent is gone, before and after", func() {
			c := do(context.Background(), order("sync"), nil)
			p.order()
			p.conn.Close()
			Expect(receive(c).err).To(MatchError(agentlink.ErrLost))
			Eventually(s.Done(), "5s").Should(BeClosed())
			Expect(receive(do(context.Background(), order("sync"), nil)).err).To(MatchError(agentlink.ErrLost))
			Eventually(d.left, "5s").Should(ConsistOf(MatchError(agentlink.ErrLost)))
		})

		It("returns ErrLost when the server is closed", func() {
			c := do(context.Background(), order("sync"), nil)
			p.order()
			d.Close()
			Expect(receive(c).err).To(MatchError(agentlink.ErrLost))
		})
	})

	It("ends without an error when the agent says goodbye", func() {
		Expect(p.CloseSend()).To(Succeed())
		Eventually(d.left, "5s").Should(ConsistOf(BeNil()))
		_, err := p.Recv()
		Expect(err).To(Equal(io.EOF))
	})

	It("ends when the server closes it, and the agent sees it", func() {
		s.Close()
		s.Close()
		_, err := p.Recv()
		Expect(status.Code(err)).To(Equal(codes.Aborted))
		Eventually(d.left, "5s").Should(ConsistOf(MatchError(agentlink.ErrLost)))
	})

	DescribeTable("ends, and no other with it, when its agent sends",
		func(m *agentpb.FromAgent) {
			join(d, "node-2")
			other := d.session(2)
			p.say(m)
			Eventually(s.Done(), "5s").Should(BeClosed())
			Eventually(d.left, "5s").Should(ConsistOf(MatchError(agentlink.ErrLost)))
			Consistently(other.Done(), "50ms").ShouldNot(BeClosed())
		},
		Entry("nothing in a message", &agentpb.FromAgent{}),
		Entry("a second Hello", &agentpb.FromAgent{Body: &agentpb.FromAgent_Hello{Hello: hello()}}),
		Entry("too much", &agentpb.FromAgent{Body: &agentpb.FromAgent_Progress{Progress: &agentpb.Progress{Text: string(bytes.Repeat([]byte("x"), agentpb.MaxReport))}}}),
	)

	Describe("Fetch", func() {
		var path string

		fetch := func(secret []byte, name string) ([]byte, error) {
			stream, err := p.Fetch(context.Background(), &agentpb.FetchRequest{Session: secret, File: name})
			Expect(err).NotTo(HaveOccurred())
			var all []byte
			for {
				chunk, err := stream.Recv()
				if err == io.EOF {
					return all, nil
				}
				if err != nil {
					return nil, err
				}
				all = append(all, chunk.Data...)
			}
		}

		BeforeEach(func() {
			path = filepath.Join(GinkgoT().TempDir(), "post.tgz")
			Expect(os.WriteFile(path, bytes.Repeat([]byte("0123456789"), 20000), 0o600)).To(Succeed())
			s.Offer("post", path)
		})

		It("streams what was offered", func() {
			got, err := fetch(p.secret, "post")
			Expect(err).NotTo(HaveOccurred())
			want, _ := os.ReadFile(path)
			Expect(bytes.Equal(got, want)).To(BeTrue())
		})

		It("sends nothing else, whatever it is called", func() {
			for _, name := range []string{"", "pre", path, "../post", "/etc/passwd"} {
				_, err := fetch(p.secret, name)
				Expect(status.Code(err)).To(Equal(codes.NotFound), name)
			}
		})

		It("sends nothing without the secret of the very session", func() {
			other := join(d, "node-2")
			_, err := fetch(other.secret, "post")
			Expect(status.Code(err)).To(Equal(codes.PermissionDenied))
			_, err = fetch(make([]byte, 32), "post")
			Expect(status.Code(err)).To(Equal(codes.PermissionDenied))
			_, err = fetch(nil, "post")
			Expect(status.Code(err)).To(Equal(codes.PermissionDenied))
		})

		It("sends nothing to another node that knows its secret, nor to one without a certificate", func() {
			mine := p
			p = join(d, "node-2")
			_, err := fetch(mine.secret, "post")
			Expect(status.Code(err)).To(Equal(codes.PermissionDenied))
			p = &peer{AgentsClient: agentpb.NewAgentsClient(line(d, nil))}
			_, err = fetch(mine.secret, "post")
			Expect(status.Code(err)).To(Equal(codes.Unauthenticated))
		})

		It("sends no other file in the place of one that was meant", func() {
			info, err := os.Stat(path)
			Expect(err).NotTo(HaveOccurred())
			s.OfferSame("same", path, info)
			_, err = fetch(p.secret, "same")
			Expect(err).NotTo(HaveOccurred())
			other := filepath.Join(filepath.Dir(path), "other")
			Expect(os.WriteFile(other, []byte("secret"), 0o600)).To(Succeed())
			Expect(os.Remove(path)).To(Succeed())
			Expect(os.Symlink(other, path)).To(Succeed())
			_, err = fetch(p.secret, "same")
			Expect(status.Code(err)).To(Equal(codes.NotFound))
		})

		It("sends nothing once the session has ended", func() {
			s.Close()
			Eventually(d.left, "5s").Should(HaveLen(1))
			Eventually(func() codes.Code { _, err := fetch(p.secret, "post"); return status.Code(err) }, "5s").Should(Equal(codes.PermissionDenied))
		})

		It("sends no directory, and says so when the file is gone", func() {
			s.Offer("dir", filepath.Dir(path))
			_, err := fetch(p.secret, "dir")
			Expect(status.Code(err)).To(Equal(codes.NotFound))
			Expect(os.Remove(path)).To(Succeed())
			_, err = fetch(p.secret, "post")
			Expect(status.Code(err)).To(Equal(codes.NotFound))
			Expect(err.Error()).NotTo(ContainSubstring(filepath.Dir(path)))
		})
	})
})
