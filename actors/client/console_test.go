package client_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
)

var _ = Describe("The console of a node, by the programs", func() {
	var d *daemon
	feeds := func() int { // the processes of console commands
		return len(slices.DeleteFunc(d.processes(), func(line string) bool { return !strings.Contains(line, "feed.sh") }))
	}
	sits := func(args ...string) (*gexec.Session, io.Writer) {
		GinkgoHelper()
		cmd := exec.Command(filepath.Join(d.dir, "bin", "kadeploy"), append([]string{"console", "-m", "node-1"}, args...)...)
		cmd.Env = append(os.Environ(), "KADEPLOY_SERVER="+d.server(), "KADEPLOY_SOCKET="+d.socket())
		stdin, err := cmd.StdinPipe()
		Expect(err).NotTo(HaveOccurred())
		s, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { s.Kill().Wait() })
		return s, stdin
	}
	BeforeEach(func() {
		d = startDaemon(1)
		out, err := exec.Command("go", "build", "-o", filepath.Join(d.dir, "bin")+"/", "github.com/kadeploy/kadeploy/cmd/kadeploy").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		d.file("feed.sh", []byte("#!/bin/sh\necho ready; cat\n"))
		d.file("cmd", fmt.Appendf(nil, "node-1|console|sh %s\n", filepath.Join(d.dir, "feed.sh")))
		d.kill()
		d.run()
	})

	It("leaves no process behind when its client is killed", func() {
		writer, stdin := sits("--write")
		Eventually(writer.Out).Should(gbytes.Say("ready"))
		_, err := io.WriteString(stdin, "hello\n")
		Expect(err).NotTo(HaveOccurred())
		Eventually(writer.Out).Should(gbytes.Say("hello"))
		reader, _ := sits()
		Eventually(reader.Out).Should(gbytes.Say("hello"))
		Expect(feeds()).To(Equal(1))

		Eventually(writer.Kill()).Should(gexec.Exit())
		Eventually(reader.Err).Should(gbytes.Say("root has left; nobody writes"))
		Expect(feeds()).To(Equal(1))
		Eventually(reader.Kill()).Should(gexec.Exit())
		Eventually(feeds).Should(BeZero())
	})

	It("ends with a line when the server stops, and with its process when the server is killed", func() {
		reader, _ := sits()
		Eventually(reader.Out).Should(gbytes.Say("ready"))
		d.session.Terminate()
		Eventually(reader).Should(gexec.Exit(1))
		Expect(reader.Err).To(gbytes.Say("kadeploy: the server is stopping\n"))
		Eventually(d.session).Should(gexec.Exit(0))
		Expect(feeds()).To(BeZero())

		d.run()
		reader, _ = sits()
		Eventually(reader.Out).Should(gbytes.Say("ready"))
		d.kill()
		Eventually(reader).Should(gexec.Exit(5))
		Expect(reader.Err).To(gbytes.Say("kadeploy: console of node-1: the connection is lost"))
		Eventually(feeds).Should(BeZero())
	})
})
