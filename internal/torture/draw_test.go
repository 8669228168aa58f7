package torture_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/torture"
)

var _ = Describe("a scenario", func() {
	everything := torture.Means{Cables: true, Race: true}

	It("is the same for the same seed, and another one for another", func() {
		Expect(torture.New(7, everything)).To(Equal(torture.New(7, everything)))
		Expect(torture.New(7, everything).String()).NotTo(Equal(torture.New(8, everything).String()))
	})

	It("has, over some seeds, every fault, at every time and at both ends of the chain", func() {
		kinds, first, last, soon, end := map[torture.Kind]bool{}, 0, 0, 0, 0
		for seed := range uint64(400) {
			s := torture.New(seed, everything)
			Expect(len(s.Receivers)).To(And(BeNumerically(">=", 3), BeNumerically("<=", 12)))
			Expect(s.Size).To(And(BeNumerically(">=", 1<<20), BeNumerically("<=", 48<<20)))
			for _, f := range s.Faults {
				kinds[f.Kind] = true
				switch f.Target {
				case 0:
					first++
				case len(s.Receivers) - 1:
					last++
				}
				if f.At.Fraction == 1 {
					end++
				}
				if f.At.Fraction == 0 && f.At.After > 0 && f.At.After.Seconds() <= 0.1 {
					soon++
				}
			}
		}
		Expect(kinds).To(HaveLen(18))
		for _, n := range []int{first, last, soon, end} {
			Expect(n).To(BeNumerically(">", 20))
		}
	})

	It("kills the sender only when it can read the image again", func() {
		for seed := range uint64(400) {
			if s := torture.New(seed, everything); s.Stream {
				for _, f := range s.Faults {
					Expect(f.Kind).NotTo(Equal(torture.SenderRestarted))
				}
			}
		}
	})

	It("asks for no cables, and no other programs, where there are none", func() {
		for seed := range uint64(400) {
			s := torture.New(seed, torture.Means{})
			Expect(s.Links).To(BeZero())
			Expect(s.Race).To(BeFalse())
			for _, f := range s.Faults {
				Expect(f.Kind).NotTo(BeElementOf(torture.Cut, torture.Unplugged, torture.Flapping, torture.SenderUnplugged, torture.SlowLink))
			}
		}
	})
})
