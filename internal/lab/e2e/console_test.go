//go:build e2e

package e2e_test

import (
	"context"
	"io"
	"os/exec"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/kadeploy/kadeploy/internal/lab"
)

// console is a user at a machine's console: what he sees, and his keyboard.
type console struct {
	shows *gbytes.Buffer // what the machine says
	told  *gbytes.Buffer // what kadeploy says itself
	keys  io.WriteCloser
}

// openConsole runs `kadeploy console` until the spec ends.
func (w *world) openConsole(m *lab.Machine, flag string) console {
	GinkgoHelper()
	c := console{shows: gbytes.NewBuffer(), told: gbytes.NewBuffer()}
	cmd := w.OnServer(context.Background(), filepath.Join(w.Programs, "kadeploy"), "console", "-d", w.Conf, "-m", m.Name, flag)
	cmd.Stdout, cmd.Stderr = c.shows, io.MultiWriter(c.told, GinkgoWriter)
	var err error
	c.keys, err = cmd.StdinPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(cmd.Start()).To(Succeed())
	DeferCleanup(func() { stop(cmd) })
	return c
}

func stop(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

func (c console) typeIn(text string) {
	GinkgoHelper()
	_, err := io.WriteString(c.keys, text)
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("The console of a machine", func() {
	It("takes what one user types, and shows all of them what the machine answers", Label("nightly"), func() {
		w := begin(setup{nodes: map[string]string{"deploy_initrd": shellInitrd}})
		m := w.Machines[0]
		writer := w.openConsole(m, "--write")
		Eventually(writer.told).Should(gbytes.Say("you write"))
		reader := w.openConsole(m, "--read-only")
		Eventually(reader.told).Should(gbytes.Say("writes, you read"))
		w.run("kadeploy", "reboot", "-d", w.Conf, "-m", m.Name, "--kind", "deploy_env")
		expectConsole(m, 0, "kadeploy deployment system")
		writer.typeIn("\necho typed-$((6 * 7))\n")
		expectConsole(m, 0, "(?m)^typed-42$")
		for who, c := range map[string]console{"who writes": writer, "who reads": reader} {
			Eventually(c.shows, "1m").Should(gbytes.Say("SeaBIOS"), who)
			Eventually(c.shows, "1m").Should(gbytes.Say("kadeploy deployment system"), who)
			Eventually(c.shows, "1m").Should(gbytes.Say(`\ntyped-42\r?\n`), who)
		}

		w.run("kadeploy", "power", "off", "-d", w.Conf, "-m", m.Name, "--level", "hard")
		Expect(m.Powered()).To(BeFalse())
		Expect(w.run("kadeploy", "power", "status", "-d", w.Conf, "-m", m.Name)).To(MatchRegexp(m.Name + `\s+off`))
		mark := m.Serial.Mark()
		w.run("kadeploy", "power", "on", "-d", w.Conf, "-m", m.Name)
		Expect(m.Powered()).To(BeTrue())
		Expect(w.run("kadeploy", "power", "status", "-d", w.Conf, "-m", m.Name)).To(MatchRegexp(m.Name + `\s+on`))
		expectConsole(m, mark, "SeaBIOS")
		Eventually(reader.shows, "1m").Should(gbytes.Say("SeaBIOS"), "the machine's first word after it was off")
	})
})
