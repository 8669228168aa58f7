package lab_test

import (
	"io"
	"net"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/kadeploy/kadeploy/internal/lab"
)

var _ = Describe("A machine's serial cable", func() {
	var machine, bmc net.Listener

	listen := func(dir, name string) net.Listener {
		GinkgoHelper()
		l, err := net.Listen("unix", filepath.Join(dir, name))
		Expect(err).NotTo(HaveOccurred())
		return l
	}
	plugIn := func(l net.Listener) net.Conn {
		GinkgoHelper()
		conn, err := net.Dial("unix", l.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { conn.Close() })
		return conn
	}

	BeforeEach(func() {
		dir := GinkgoT().TempDir()
		machine, bmc = listen(dir, "machine"), listen(dir, "bmc")
		ended := make(chan error, 1)
		go func() { ended <- lab.Connect(machine, bmc) }()
		DeferCleanup(func() {
			machine.Close()
			Eventually(ended).Should(Receive(MatchError(net.ErrClosed)))
			bmc.Close()
		})
	})

	It("stays at the BMC while the machine is switched off and on, and carries its first words", func() {
		b := plugIn(bmc)
		heard := gbytes.BufferReader(b)
		m := plugIn(machine)
		Eventually(func() []byte { io.WriteString(m, "."); return heard.Contents() }).ShouldNot(BeEmpty(), "both are plugged in")
		Expect(m.Close()).To(Succeed())
		for _, words := range []string{"first boot", "second boot"} {
			m := plugIn(machine)
			_, err := io.WriteString(m, words)
			Expect(err).NotTo(HaveOccurred())
			Eventually(heard).Should(gbytes.Say(words))
			typed := gbytes.BufferReader(m)
			_, err = io.WriteString(b, "typed")
			Expect(err).NotTo(HaveOccurred())
			Eventually(typed).Should(gbytes.Say("typed"))
			Expect(m.Close()).To(Succeed())
		}
	})

	It("lets a machine speak whose BMC is not there, or takes nothing", func() {
		m := plugIn(machine)
		_, err := io.WriteString(m, "to nobody")
		Expect(err).NotTo(HaveOccurred())
		plugIn(bmc)
		_, err = m.Write(make([]byte, 1<<20)) // more than there is room for on the way
		Expect(err).NotTo(HaveOccurred())
	})
})
