package ipmi_test

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/bougou/go-ipmi/pkg/bmc"
	"github.com/bougou/go-ipmi/pkg/types"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/power/ipmi"
)

var impatient = ipmi.Config{
	Patience: power.Patience{Settle: 200 * time.Millisecond, Poll: 10 * time.Millisecond, Rest: time.Millisecond},
	Answer:   100 * time.Millisecond, Tries: 2,
}

var _ = Describe("The IPMI driver", func() {
	ctx := context.Background()
	driver := ipmi.New(impatient)

	DescribeTable("carries out each operation at each level",
		func(on bool, op power.Op, level power.Level, want power.Status, orders ...string) {
			c := &chassis{on: on}
			target, _ := controller(c, 17, 3)
			Expect(driver.Do(ctx, target, op, level)).To(Equal(want))
			Expect(c.orders()).To(Equal(append([]string{}, orders...)))
		},
		Entry("a status changes nothing", true, power.OpStatus, power.Level(""), power.On),
		Entry("off is a state, too", false, power.OpStatus, power.Level(""), power.Off),
		Entry("on", false, power.OpOn, power.Soft, power.On, "on"),
		Entry("on, when it is on", true, power.OpOn, power.Hard, power.On),
		Entry("off, gently", true, power.OpOff, power.Soft, power.Off, "shutdown"),
		Entry("off", true, power.OpOff, power.Hard, power.Off, "off"),
		Entry("a reset", true, power.OpReboot, power.Hard, power.On, "reset"),
		Entry("off and on", true, power.OpReboot, power.VeryHard, power.On, "off", "on"),
		Entry("a reboot of a machine that is off", false, power.OpReboot, power.Soft, power.On, "on"),
	)

	It("cannot ask an operating system to boot again, and says so without an order", func() {
		c := &chassis{on: true}
		target, _ := controller(c, 3)
		_, err := driver.Do(ctx, target, power.OpReboot, power.Soft)
		Expect(err).To(MatchError(power.ErrNoCommand))
		Expect(c.orders()).To(BeEmpty())
	})

	It("closes its session, however the operation ends", func() {
		c := &chassis{on: true}
		target, b := controller(c, 3)
		for range 3 {
			_, err := driver.Do(ctx, target, power.OpStatus, "")
			Expect(err).NotTo(HaveOccurred())
			_, err = driver.Do(ctx, target, power.OpReboot, power.Soft)
			Expect(err).To(HaveOccurred())
		}
		Expect(b.Sessions.Count()).To(BeZero())
	})

	It("takes the first cipher suite of the list that the controller knows", func() {
		target, _ := controller(&chassis{on: true}, 3)
		Expect(driver.Do(ctx, target, power.OpStatus, "")).To(Equal(power.On))
		target.Control.CipherSuites = []int{17}
		_, err := driver.Do(ctx, target, power.OpStatus, "")
		Expect(err).To(MatchError(ContainSubstring("ipmi_cipher")))
	})

	Describe("the boot from the network", func() {
		It("is set for one boot, with the firmware of the machine", func() {
			c := &chassis{on: true}
			target, _ := controller(c, 3)
			Expect(driver.BootOnce(ctx, target)).To(Succeed())
			Expect(c.boot().BootDeviceSelector).To(Equal(types.BootDeviceSelectorForcePXE))
			Expect(c.boot().Persist).To(BeFalse())
			Expect(c.boot().BIOSBootType).To(Equal(types.BIOSBootTypeLegacy))
			target.UEFI = true
			Expect(driver.BootOnce(ctx, target)).To(Succeed())
			Expect(c.boot().BIOSBootType).To(Equal(types.BIOSBootTypeEFI))
		})

		It("is an error when the controller takes it and forgets it", func() {
			target, _ := controller(&chassis{lies: true}, 3)
			Expect(driver.BootOnce(ctx, target)).To(MatchError(ContainSubstring("taken, but the controller says it boots")))
		})
	})

	It("does many controllers at once", func() {
		const many = 100
		var targets []power.Target
		var all []*chassis
		for range many {
			c := &chassis{}
			target, _ := controller(c, 3)
			targets, all = append(targets, target), append(all, c)
		}
		results := make(chan error, many)
		for _, target := range targets {
			go func() {
				_, err := ipmi.New(ipmi.Config{}).Do(ctx, target, power.OpOn, power.Hard)
				results <- err
			}()
		}
		for range many {
			Expect(<-results).To(Succeed())
		}
		for _, c := range all {
			Expect(c.orders()).To(Equal([]string{"on"}))
		}
	})

	Context("when the controller misbehaves", func() {
		It("finds out one that takes an order and does nothing", func() {
			target, b := controller(&chassis{on: false, lies: true}, 3)
			_, err := driver.Do(ctx, target, power.OpOn, power.Hard)
			Expect(err).To(MatchError(ContainSubstring("on: taken, but the controller says power is still off: 200ms later")))
			Expect(b.Sessions.Count()).To(BeZero())
		})

		It("tells a refusal in one line, with the controller's name", func() {
			target, _ := controller(&chassis{on: true, refuses: true}, 3)
			_, err := driver.Do(ctx, target, power.OpOff, power.Hard)
			Expect(err).To(MatchError(And(ContainSubstring("BMC "+target.Control.Address+" of node-1.lab: "), ContainSubstring("refused: "))))
			Expect(err.Error()).NotTo(ContainSubstring("\n"))
		})

		DescribeTable("says what is wrong with the login, and never the login", func(login, want string) {
			good, _ := controller(&chassis{on: true}, 17, 3)
			_, err := driver.Do(ctx, at(good.Control.Address, login), power.OpStatus, "")
			Expect(err).To(MatchError(ContainSubstring(want)))
			Expect(err.Error()).NotTo(Or(ContainSubstring("hunter2"), ContainSubstring("nobody")))
		},
			Entry("a wrong password", "operator hunter2", "wrong user or password (bmc_credentials)"),
			Entry("an unknown user", "nobody hunter2", "wrong user or password (bmc_credentials)"),
		)

		It("waits for a session of one that has none left", func() {
			target, b := controller(&chassis{on: true}, 3)
			var taken []uint32
			for range b.Sessions.Cap() {
				s, err := b.Sessions.Allocate(7, types.AuthAlg_HMAC_SHA1, types.IntegrityAlg_HMAC_SHA1_96, types.CryptAlg_AES_CBC_128, bmc.PrivilegeLevelOperator, 1)
				Expect(err).NotTo(HaveOccurred())
				Expect(b.Sessions.Activate(s.BMCID)).To(Succeed())
				taken = append(taken, s.BMCID)
			}
			short, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
			defer cancel()
			_, err := driver.Do(short, target, power.OpStatus, "")
			Expect(err).To(MatchError(ContainSubstring("all its sessions are in use")))

			time.AfterFunc(150*time.Millisecond, func() { _ = b.Sessions.Close(taken[0]) })
			Expect(driver.Do(ctx, target, power.OpStatus, "")).To(Equal(power.On))
		})

		It("gives up one that does not answer", func() {
			mute, err := net.ListenPacket("udp", "127.0.0.1:0")
			Expect(err).NotTo(HaveOccurred())
			defer mute.Close()
			_, err = driver.Do(ctx, at(mute.LocalAddr().String(), login), power.OpStatus, "")
			Expect(err).To(MatchError(ContainSubstring("of node-1.lab: no answer")))
		})

		It("ends with its context, and says why", func() {
			mute, err := net.ListenPacket("udp", "127.0.0.1:0")
			Expect(err).NotTo(HaveOccurred())
			defer mute.Close()
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(50*time.Millisecond, func() { cancel(errors.New("the operation was cancelled")) })
			_, err = ipmi.New(ipmi.Config{}).Do(ctx, at(mute.LocalAddr().String(), login), power.OpStatus, "")
			Expect(err).To(MatchError(ContainSubstring("the operation was cancelled")))
		})

		It("names an address where nothing listens", func() {
			gone, err := net.ListenPacket("udp", "127.0.0.1:0")
			Expect(err).NotTo(HaveOccurred())
			address := gone.LocalAddr().String()
			Expect(gone.Close()).To(Succeed())
			_, err = driver.Do(ctx, at(address, login), power.OpStatus, "")
			Expect(err).To(MatchError(ContainSubstring("nothing listens there")))
		})
	})
})
