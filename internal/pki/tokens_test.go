package pki_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/pki"
)

var _ = Describe("A one-time token", func() {
	var dir string
	var now *clock
	var tokens *pki.Tokens
	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		now = newClock()
		tokens = nil
	})

	openTokens := func() *pki.Tokens {
		GinkgoHelper()
		t, err := pki.OpenTokens(pki.TokensConfig{Dir: dir, Now: now.Now})
		Expect(err).NotTo(HaveOccurred())
		return t
	}
	token := func(id pki.Identity) string {
		GinkgoHelper()
		text, err := tokens.New(id, time.Hour)
		Expect(err).NotTo(HaveOccurred())
		return text
	}
	JustBeforeEach(func() { tokens = openTokens() })

	It("says once who its bearer is", func() {
		text := token(alice)
		Expect(tokens.Redeem(text)).To(Equal(alice))
		_, err := tokens.Redeem(text)
		Expect(err).To(Equal(pki.ErrToken))
	})

	It("is 260 random bits, safe on a command line, of which only the hash is kept, for its owner only", func() {
		a, b := token(alice), token(alice)
		Expect(a).NotTo(Equal(b))
		Expect(a).To(MatchRegexp("^[A-Z2-7]{52}$"))
		Expect(content(dir, "tokens.json")).NotTo(ContainSubstring(a[:10]))
		Expect(mode(dir, "tokens.json")).To(BeEquivalentTo(0o600))
	})

	It("is good after the tokens were opened again, once", func() {
		text := token(node1)
		Expect(openTokens().Redeem(text)).To(Equal(node1))
		_, err := openTokens().Redeem(text)
		Expect(err).To(Equal(pki.ErrToken))
		_, err = tokens.Redeem(text)
		Expect(err).To(Equal(pki.ErrToken))
	})

	It("is good once however many try at the same time, in whatever process", func() {
		text := token(alice)
		var wg sync.WaitGroup
		var good atomic.Int32
		for range 4 {
			process := openTokens()
			for range 4 {
				wg.Go(func() {
					defer GinkgoRecover()
					if _, err := process.Redeem(text); err == nil {
						good.Add(1)
					} else {
						Expect(err).To(Equal(pki.ErrToken))
					}
				})
			}
		}
		wg.Wait()
		Expect(good.Load()).To(BeEquivalentTo(1))
		Expect(names(dir)).To(ConsistOf("tokens.json"))
	})

	It("expires, and nothing tells that from never having been", func() {
		text := token(alice)
		now.move(time.Hour)
		_, expired := tokens.Redeem(text)
		_, unknown := tokens.Redeem(strings.Repeat("A", 52))
		_, empty := tokens.Redeem("")
		_, long := tokens.Redeem(strings.Repeat("A", 1<<20))
		for _, err := range []error{expired, unknown, empty, long} {
			Expect(err).To(Equal(pki.ErrToken))
		}
	})

	It("is dropped when it has expired", func() {
		token(alice)
		now.move(2 * time.Hour)
		token(bob)
		Expect(content(dir, "tokens.json")).NotTo(ContainSubstring("alice"))
	})

	It("is withdrawn with the others of its bearer", func() {
		one, two, other := token(alice), token(alice), token(bob)
		Expect(tokens.Withdraw(alice)).To(Succeed())
		for _, text := range []string{one, two} {
			_, err := tokens.Redeem(text)
			Expect(err).To(Equal(pki.ErrToken))
		}
		Expect(tokens.Redeem(other)).To(Equal(bob))
	})

	It("is refused to the daemon, to nobody, and for ever", func() {
		_, err := tokens.New(pki.Daemon(), time.Hour)
		Expect(err).To(MatchError(pki.ErrKind))
		_, err = tokens.New(pki.Identity{}, time.Hour)
		Expect(err).To(MatchError(pki.ErrKind))
		for _, life := range []time.Duration{0, -1, 31 * 24 * time.Hour} {
			_, err = tokens.New(alice, life)
			Expect(err).To(HaveOccurred())
		}
	})

	It("stays good when a disk does not take that it was used", func() {
		if os.Geteuid() == 0 {
			Skip("root writes anywhere")
		}
		text := token(alice)
		Expect(os.Chmod(dir, 0o500)).To(Succeed())
		_, err := tokens.Redeem(text)
		Expect(err).NotTo(MatchError(pki.ErrToken))
		Expect(os.Chmod(dir, 0o700)).To(Succeed())
		Expect(tokens.Redeem(text)).To(Equal(alice))
	})

	line := func(i int) string {
		sum := sha256.Sum256(fmt.Append(nil, i))
		return fmt.Sprintf(`"%s":{"identity":"ka://user/u%d","expires":"2100-01-01T00:00:00Z"}`, hex.EncodeToString(sum[:]), i)
	}
	file := func(n int) string {
		lines := make([]string, n)
		for i := range lines {
			lines[i] = line(i)
		}
		return "{" + strings.Join(lines, ",") + "}"
	}

	Context("when there are ten thousand", func() {
		BeforeEach(func() { write(dir, "tokens.json", file(10_000), 0o600) })

		It("is not made, and those that are there stay good", func() {
			_, err := tokens.New(alice, time.Hour)
			Expect(err).To(MatchError(ContainSubstring("more than 10000 records")))
			Expect(tokens.Redeem("7")).To(Equal(pki.Identity{Kind: pki.KindUser, Name: "u7"}))
			Expect(token(alice)).NotTo(BeEmpty())
		})
	})

	DescribeTable("is not taken from a file that was tampered with", func(text string, mode os.FileMode) {
		write(dir, "tokens.json", text, mode)
		_, err := pki.OpenTokens(pki.TokensConfig{Dir: dir})
		Expect(err).To(MatchError(ContainSubstring(filepath.Join(dir, "tokens.json"))))
		Expect(err.Error()).NotTo(ContainSubstring("\n"))
		_, err = tokens.Redeem("0") // by who had it open before
		Expect(err).To(HaveOccurred())
		Expect(err).NotTo(MatchError(pki.ErrToken))
	},
		Entry("noise", "noise", os.FileMode(0o600)),
		Entry("nothing", "", os.FileMode(0o600)),
		Entry("a list", "[]", os.FileMode(0o600)),
		Entry("half of it", file(2)[:100], os.FileMode(0o600)),
		Entry("something after it", file(1)+"x", os.FileMode(0o600)),
		Entry("a brace after it", file(1)+"}", os.FileMode(0o600)),
		Entry("a token for the daemon", strings.Replace(file(1), "ka://user/u0", "ka://daemon", 1), os.FileMode(0o600)),
		Entry("a token for nobody", strings.Replace(file(1), "ka://user/u0", "u0", 1), os.FileMode(0o600)),
		Entry("a hash that is none", `{"5f":{"identity":"ka://user/u","expires":"2100-01-01T00:00:00Z"}}`, os.FileMode(0o600)),
		Entry("a token that never expires", strings.Replace(file(1), `,"expires":"2100-01-01T00:00:00Z"`, "", 1), os.FileMode(0o600)),
		Entry("more fields", strings.Replace(file(1), `,"expires"`, `,"admin":true,"expires"`, 1), os.FileMode(0o600)),
		Entry("more tokens than there can be", file(10_001), os.FileMode(0o600)),
		Entry("a file that others may read", file(1), os.FileMode(0o644)),
		Entry("a file that others may write", file(1), os.FileMode(0o622)),
	)
})
