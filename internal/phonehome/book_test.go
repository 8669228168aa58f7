package phonehome_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/phonehome"
)

var here = netip.MustParseAddr("10.77.1.1")

// ledger is who waits for calls: it keeps what they say at once, unless it cannot write.
type ledger struct {
	book *phonehome.Book
	said []string
	ill  bool
}

func newLedger() *ledger {
	l := &ledger{book: phonehome.NewBook()}
	l.expect(note.Token)
	return l
}

func (l *ledger) expect(token string) {
	l.book.Expect("node-1", phonehome.Expected{Token: phonehome.TokenDigest(token), From: here, Said: func(digest string, kept func()) {
		l.said = append(l.said, digest)
		if !l.ill {
			kept()
		}
	}})
}

// call calls, a second after the call before.
func (l *ledger) call(node string, from netip.Addr, n phonehome.Note) error {
	time.Sleep(time.Second) // of the bubble
	return l.book.Hear(context.Background(), node, from, n.Text())
}

// inBubble runs a spec in fake time.
func inBubble(spec func(l *ledger)) func() {
	return func() {
		synctest.Test(suiteT, func(*testing.T) {
			defer GinkgoRecover()
			spec(newLedger())
		})
	}
}

var _ = Describe("A book of calls", func() {
	other := note
	other.Token = strings.Repeat("0b", 16)

	It("hears the call that is expected, once", inBubble(func(l *ledger) {
		Expect(l.call("node-1", here, note)).To(Succeed())
		Expect(l.said).To(Equal([]string{note.Digest}))
		Expect(l.call("node-1", here, note)).To(MatchError(phonehome.ErrUnknown))
		Expect(l.book.Expects("node-1", here)).To(BeFalse())
		l.expect(note.Token) // again
		Expect(l.call("node-1", here, note)).To(MatchError(phonehome.ErrUnknown))
		Expect(l.said).To(HaveLen(1))
	}))

	It("hears nobody else", inBubble(func(l *ledger) {
		stranger := netip.MustParseAddr("10.77.1.2")
		Expect(l.call("node-1", here, other)).To(MatchError(phonehome.ErrUnknown))
		Expect(l.call("node-2", here, note)).To(MatchError(phonehome.ErrUnknown))
		Expect(l.call("node-1", stranger, note)).To(MatchError(phonehome.ErrUnknown))
		Expect(l.book.Expects("node-1", stranger)).To(BeFalse())
		Expect(l.book.Hear(context.Background(), "node-1", here, []byte("token="+note.Token))).To(MatchError(phonehome.ErrUnknown))
		Expect(l.said).To(BeEmpty())
		Expect(l.call("node-1", here, note)).To(Succeed(), "what they tried costs the node nothing")
	}))

	It("takes another digest for what it is: the word of who has the token", inBubble(func(l *ledger) {
		wrong := note
		wrong.Digest = strings.Repeat("e", 64)
		Expect(l.call("node-1", here, wrong)).To(Succeed())
		Expect(l.said).To(Equal([]string{wrong.Digest}))
	}))

	It("has a call made again that could not be written down", inBubble(func(l *ledger) {
		l.ill = true
		Expect(l.call("node-1", here, note)).To(MatchError(phonehome.ErrBusy))
		l.ill = false
		Expect(l.call("node-1", here, note)).To(Succeed())
	}))

	It("bears ten tries a second", inBubble(func(l *ledger) {
		Expect(l.call("node-1", here, other)).To(MatchError(phonehome.ErrUnknown))
		Expect(l.book.Hear(context.Background(), "node-1", here, note.Text())).To(MatchError(phonehome.ErrBusy))
		time.Sleep(100 * time.Millisecond)
		Expect(l.book.Hear(context.Background(), "node-1", here, note.Text())).To(Succeed())
	}))

	It("knows the newest token of a node only, and none that is forgotten", inBubble(func(l *ledger) {
		l.expect(other.Token)
		Expect(l.call("node-1", here, note)).To(MatchError(phonehome.ErrUnknown))
		l.book.Forget("node-1", "node-2")
		Expect(l.call("node-1", here, other)).To(MatchError(phonehome.ErrUnknown))
	}))
})
