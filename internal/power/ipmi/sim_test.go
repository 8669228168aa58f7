package ipmi_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/power/ipmi"
)

// program keeps the state of the simulated machine in files; ipmi_sim calls it as: PROGRAM get power, PROGRAM set boot "pxe".
const program = `#!/bin/sh
cd "$(dirname "$0")"
case "$1 $2" in
"get "*) echo "$2:$(cat "$2")" ;;
"set power") echo "power $3" >> orders; test -e lies || printf %s "$3" > power ;;
"set boot") echo "boot $3" >> orders; printf %s "$3" > boot ;;
"set reset") echo reset >> orders ;;
"set shutdown") echo shutdown >> orders; printf 0 > power ;;
esac
`

// simulator is ipmi_sim of openipmi, and ipmitool beside it.
type simulator struct {
	dir     string
	target  power.Target
	process *os.Process
}

// startSimulator has more lines of its configuration, such as that of its serial console.
func startSimulator(more ...string) *simulator {
	GinkgoHelper()
	for _, tool := range []string{"ipmi_sim", "ipmitool"} {
		if _, err := exec.LookPath(tool); err != nil {
			Skip(tool + " is not installed (Debian: openipmi, ipmitool)")
		}
	}
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	port := free.LocalAddr().(*net.UDPAddr).Port
	Expect(free.Close()).To(Succeed())

	s := &simulator{dir: GinkgoT().TempDir(), target: at(fmt.Sprint("127.0.0.1:", port), "lab secret")}
	s.write("chassis", program, 0o755)
	s.write("power", "0", 0o644)
	s.write("boot", "none", 0o644)
	s.write("lan.conf", fmt.Sprintf(`name "node-1"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 %d
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "%s/chassis"
%s
  user 2 true "lab" "secret" admin 10 none md2 md5 straight
`, port, s.dir, strings.Join(more, "\n")), 0o600)
	s.write("bmc.emu", "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nsel_enable 0x20 1000 0x0a\nmc_enable 0x20\n", 0o600)
	cmd := exec.Command("ipmi_sim", "-n", "-c", s.file("lan.conf"), "-f", s.file("bmc.emu"), "-s", s.file("state"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	Expect(cmd.Start()).To(Succeed())
	s.process = cmd.Process
	DeferCleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	Eventually(func() (power.Status, error) {
		return ipmi.New(ipmi.Config{Answer: 100 * time.Millisecond}).Do(context.Background(), s.target, power.OpStatus, "")
	}).WithTimeout(10 * time.Second).Should(Equal(power.Off))
	return s
}

func (s *simulator) file(name string) string { return filepath.Join(s.dir, name) }

func (s *simulator) write(name, text string, mode os.FileMode) {
	Expect(os.WriteFile(s.file(name), []byte(text), mode)).To(Succeed())
}

// tool asks ipmitool.
func (s *simulator) tool(args ...string) string {
	_, port, err := net.SplitHostPort(s.target.Control.Address)
	Expect(err).NotTo(HaveOccurred())
	args = append([]string{"-I", "lanplus", "-C", "3", "-H", "127.0.0.1", "-p", port, "-U", "lab", "-P", "secret"}, args...)
	out, err := exec.Command("ipmitool", args...).CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
	return string(out)
}

func (s *simulator) orders() []string {
	text, _ := os.ReadFile(s.file("orders"))
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

var _ = Describe("The IPMI driver, with a controller and a tool that others wrote", func() {
	ctx := context.Background()
	driver := ipmi.New(ipmi.Config{Patience: power.Patience{Settle: 3 * time.Second, Poll: 20 * time.Millisecond, Rest: time.Millisecond}})

	It("does what ipmitool sees", func() {
		s := startSimulator()
		Expect(driver.Do(ctx, s.target, power.OpOn, power.Hard)).To(Equal(power.On))
		Expect(s.tool("power", "status")).To(ContainSubstring("is on"))
		Expect(driver.Do(ctx, s.target, power.OpReboot, power.Hard)).To(Equal(power.On))
		Expect(driver.Do(ctx, s.target, power.OpReboot, power.VeryHard)).To(Equal(power.On))
		Expect(driver.BootOnce(ctx, s.target)).To(Succeed())
		Expect(s.tool("chassis", "bootparam", "get", "5")).To(ContainSubstring("Force PXE"))
		Expect(driver.Do(ctx, s.target, power.OpOff, power.Soft)).To(Equal(power.Off))
		Expect(s.tool("power", "status")).To(ContainSubstring("is off"))
		Expect(s.orders()).To(Equal([]string{"power 1", "reset", "power 0", "power 1", "boot pxe", "shutdown"}))
	})

	It("sees what ipmitool does", func() {
		s := startSimulator()
		s.tool("power", "on")
		Eventually(func() (power.Status, error) { return driver.Do(ctx, s.target, power.OpStatus, "") }).Should(Equal(power.On))
	})

	It("never runs out of its sessions, of which there are few", func() {
		s := startSimulator()
		for range 40 {
			Expect(driver.Do(ctx, s.target, power.OpStatus, "")).To(Equal(power.Off))
		}
	})

	It("says that the login is wrong", func() {
		s := startSimulator()
		_, err := driver.Do(ctx, at(s.target.Control.Address, "lab wrong"), power.OpStatus, "")
		Expect(err).To(MatchError(ContainSubstring("wrong user or password")))
		_, err = driver.Do(ctx, at(s.target.Control.Address, "nobody secret"), power.OpStatus, "")
		Expect(err).To(MatchError(ContainSubstring("wrong user or password")))
	})

	It("finds out that it lies", func() {
		s := startSimulator()
		s.write("lies", "", 0o644)
		_, err := driver.Do(ctx, s.target, power.OpOn, power.Hard)
		Expect(err).To(MatchError(ContainSubstring("power is still off")))
	})

	It("gives up one that is frozen in the middle of an operation", func() {
		s := startSimulator()
		s.write("lies", "", 0o644)
		frozen := make(chan error, 1)
		time.AfterFunc(300*time.Millisecond, func() { frozen <- s.process.Signal(syscall.SIGSTOP) })
		_, err := ipmi.New(impatient).Do(ctx, s.target, power.OpOff, power.Soft)
		Expect(err).NotTo(HaveOccurred()) // it was off
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err = ipmi.New(ipmi.Config{Patience: power.Patience{Settle: time.Second, Poll: 20 * time.Millisecond}, Answer: 200 * time.Millisecond}).
			Do(ctx, s.target, power.OpOn, power.Hard)
		Expect(<-frozen).To(Succeed())
		Expect(err).To(MatchError(ContainSubstring("power is still off")))
	})
})
