package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/internal/store"
)

// dumpOfLog is a dump of so many deployments, an hour ago.
func dumpOfLog(deployments int) []byte {
	var dump bytes.Buffer
	dump.WriteString("CREATE TABLE `log` (`wid` varchar(41), `hostname` varchar(256), `step1` varchar(45), `step2` varchar(45), `step3` varchar(45), `start` int(10), `success` varchar(6));\n")
	for i := range deployments {
		fmt.Fprintf(&dump, "INSERT INTO `log` VALUES ('D-%d','node-1.demo','SetDeploymentEnvUntrusted','','',%d,'true');\n", i, time.Now().Add(-time.Hour).Unix())
	}
	dump.WriteString("-- Dump completed\n")
	return dump.Bytes()
}

var _ = Describe("an import of the past that is interrupted", func() {
	It("while it reads has taken nothing, and says so", func() {
		s := given()
		cmd := s.command("kadeploy-server", "import", "kadeploy3", "--mysql-dump", "-", "--into", s.dir)
		dump, err := cmd.StdinPipe()
		Expect(err).NotTo(HaveOccurred())
		session, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		_, err = dump.Write(dumpOfLog(10_000)) // more than a pipe holds: it reads
		Expect(err).NotTo(HaveOccurred())
		session.Signal(syscall.SIGINT)
		Eventually(func() error { _, err := dump.Write([]byte("\n")); return err }, slow).ShouldNot(Succeed())
		Eventually(session, slow).Should(gexec.Exit())
		saysOnce(session, 2, "^kadeploy-server: interrupted; nothing was taken$")
	})

	It("while it writes keeps what it has taken, and takes the rest when it is done again", func() {
		s, ctx := given(), context.Background()
		dump := filepath.Join(s.dir, "k3.sql")
		Expect(os.WriteFile(dump, dumpOfLog(40_000), 0o600)).To(Succeed())
		session, err := gexec.Start(s.command("kadeploy-server", "import", "kadeploy3", "--mysql-dump", dump, "--into", s.dir), GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		file := filepath.Join(s.dir, "var", "kadeploy.db")
		Eventually(file, slow).Should(BeARegularFile())
		Eventually(func() error {
			db, err := store.Open(ctx, store.Config{URL: "sqlite:" + file, AsIs: true})
			if err != nil {
				return err
			}
			_, err = db.Operation(ctx, "K3-D-0")
			return errors.Join(err, db.Close())
		}, slow).Should(Succeed(), "the first are there")
		session.Signal(syscall.SIGINT)
		Eventually(session, slow).Should(gexec.Exit())
		saysOnce(session, 1, "^kadeploy-server: interrupted; what was taken stays: do it again$")

		again := s.run("import", "kadeploy3", "--mysql-dump", dump, "--into", s.dir)
		Expect(again).To(gexec.Exit(0))
		Expect(again.Out).To(gbytes.Say(`taken: \d+ deployments .*; known already: [1-9]\d* deployments`))
	})
})
