package redfish_test

import (
	"context"
	"net"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/power/redfish"
)

const login = "root s3cret"

var _ = Describe("The Redfish driver", func() {
	ctx := context.Background()
	driver := redfish.New(redfish.Config{
		Patience: power.Patience{Settle: 200 * time.Millisecond, Poll: 10 * time.Millisecond, Rest: time.Millisecond},
	})

	DescribeTable("carries out each operation at each level, and deletes its session",
		func(on bool, op power.Op, level power.Level, want power.Status, orders ...string) {
			s := &service{on: on}
			Expect(driver.Do(ctx, serve(s, login), op, level)).To(Equal(want))
			Expect(s.orders()).To(Equal(append([]string{}, orders...)))
			Expect(s.left()).To(BeZero())
		},
		Entry("a status changes nothing", true, power.OpStatus, power.Level(""), power.On),
		Entry("on", false, power.OpOn, power.Soft, power.On, "On"),
		Entry("off, gently", true, power.OpOff, power.Soft, power.Off, "GracefulShutdown"),
		Entry("off", true, power.OpOff, power.Hard, power.Off, "ForceOff"),
		Entry("a gentle reboot", true, power.OpReboot, power.Soft, power.On, "GracefulRestart"),
		Entry("a reset", true, power.OpReboot, power.Hard, power.On, "ForceRestart"),
		Entry("off and on", true, power.OpReboot, power.VeryHard, power.On, "ForceOff", "On"),
	)

	It("takes what the controller has, and says so when that is not enough", func() {
		s := &service{on: true, allowed: []string{"On", "ForceOff", "PowerCycle"}}
		target := serve(s, login)
		_, err := driver.Do(ctx, target, power.OpReboot, power.Soft)
		Expect(err).To(MatchError(power.ErrNoCommand))
		Expect(driver.Do(ctx, target, power.OpReboot, power.Hard)).To(Equal(power.On))
		Expect(s.orders()).To(Equal([]string{"PowerCycle"}))
	})

	It("makes the next boot one from the network, in the mode that the firmware has", func() {
		s := &service{on: true}
		Expect(driver.BootOnce(ctx, serve(s, login))).To(Succeed())
		Expect(s.boot).To(Equal(map[string]string{
			"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe", "BootSourceOverrideMode": "UEFI",
		}))
		Expect(driver.BootOnce(ctx, serve(&service{lies: true}, login))).To(MatchError(ContainSubstring("taken, but the controller says it boots")))
	})

	It("takes the system that the address names, and asks for one where there are several", func() {
		s := &service{on: true, systems: []string{"1", "2"}}
		target := serve(s, login)
		_, err := driver.Do(ctx, target, power.OpStatus, "")
		Expect(err).To(MatchError(ContainSubstring("it has 2 systems (/redfish/v1/Systems/1, /redfish/v1/Systems/2)")))
		target.Control.Address += "/redfish/v1/Systems/2"
		Expect(driver.Do(ctx, target, power.OpStatus, "")).To(Equal(power.On))
	})

	Context("when the controller misbehaves", func() {
		It("finds out one that takes an order and does nothing", func() {
			s := &service{lies: true}
			_, err := driver.Do(ctx, serve(s, login), power.OpOn, power.Hard)
			Expect(err).To(MatchError(ContainSubstring("on: taken, but the controller says power is still off: 200ms later")))
			Expect(s.left()).To(BeZero())
		})

		DescribeTable("says in one line what is wrong, and never the login",
			func(change func(*service, *power.Target), login, want string) {
				s := &service{on: true}
				target := serve(s, login)
				change(s, &target)
				_, err := driver.Do(ctx, target, power.OpOff, power.Hard)
				Expect(err).To(MatchError(And(ContainSubstring(" of node-1.lab: "), ContainSubstring(want))))
				Expect(err.Error()).NotTo(Or(ContainSubstring("hunter2"), ContainSubstring("s3cret"), ContainSubstring("\n")))
				Expect(s.left()).To(BeZero())
			},
			Entry("a wrong password", func(*service, *power.Target) {}, "root hunter2", "wrong user or password (bmc_credentials)"),
			Entry("a refusal", func(s *service, _ *power.Target) { s.broken = 500 }, login, "500 Internal Server Error: the fan is loose"),
			Entry("too little rights", func(s *service, _ *power.Target) { s.broken = 403 }, login, "role of an operator"),
			Entry("a stranger's certificate", func(_ *service, t *power.Target) { t.Control.CA = "" }, login, "set redfish_ca"),
			Entry("a certificate for another name", func(_ *service, t *power.Target) {
				t.Control.Address = strings.Replace(t.Control.Address, "127.0.0.1", "localhost", 1)
			}, login, "its certificate is another's"),
			Entry("a redirection", func(s *service, _ *power.Target) { s.elsewhere = "https://evil.example/" }, login, "must not go"),
		)

		It("ends with its context when there is no answer", func() {
			mute, err := net.Listen("tcp", "127.0.0.1:0")
			Expect(err).NotTo(HaveOccurred())
			defer mute.Close()
			target := serve(&service{}, login)
			target.Control.Address = "https://" + mute.Addr().String()
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			_, err = driver.Do(short, target, power.OpStatus, "")
			Expect(err).To(MatchError(context.DeadlineExceeded))
		})
	})
})
