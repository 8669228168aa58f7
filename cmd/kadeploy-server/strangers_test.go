package main_test

import (
	"bytes"
	"net"
	"os"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

var _ = Describe("the daemon serves on", func() {
	It("when its ports are sent rubbish, and connections that say nothing", func() {
		s := given()
		pid := s.started()
		rubbish := [][]byte{
			nil, []byte("GET / HTTP/1.0\r\n\r\n"), bytes.Repeat([]byte{0xff}, 1<<16), bytes.Repeat([]byte{0}, 1<<16),
			[]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + string(bytes.Repeat([]byte{0x7f}, 1<<16))),
			{0x16, 0x03, 0x01, 0xff, 0xff}, // the beginning of TLS
		}
		for _, address := range []string{s.host() + ":" + s.value("deploy.conf", "kadeploy_server_port"), s.value("deploy.conf", "agents_listen")} {
			for range 20 {
				for _, text := range rubbish {
					conn, err := net.DialTimeout("tcp", address, 10*time.Second)
					Expect(err).NotTo(HaveOccurred())
					DeferCleanup(conn.Close)
					_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
					_, _ = conn.Write(text) // it may have been refused by now
				}
			}
		}
		tftp, err := net.Dial("udp", s.value("deploy.conf", "tftp_listen"))
		Expect(err).NotTo(HaveOccurred())
		defer tftp.Close()
		for _, text := range [][]byte{{0}, {0, 1}, {0, 2, 'x', 0}, []byte("\x00\x01../../../etc/passwd\x00octet\x00"), bytes.Repeat([]byte{0, 1}, 2000), {0, 9, 9, 9}} {
			_, err := tftp.Write(text)
			Expect(err).NotTo(HaveOccurred())
		}
		Eventually(s.deploy("node-[1-2].demo"), slow).Should(gexec.Exit(0))
		Expect(s.run("status")).To(gexec.Exit(0))
		Expect(lives(pid)).To(BeTrue())
		Expect(s.log()).NotTo(ContainSubstring("panic"))
	})

	It("in the foreground, when who read its log has gone", func() {
		s := given()
		read, write, err := os.Pipe()
		Expect(err).NotTo(HaveOccurred())
		defer read.Close()
		cmd := s.command("kadeploy-server", "start", "--foreground")
		cmd.Stderr = write
		Expect(cmd.Start()).To(Succeed())
		DeferCleanup(func() {
			_ = cmd.Process.Kill() // when the spec failed before the end
			_ = cmd.Wait()
		})
		write.Close()
		Eventually(func() int { return s.run("status").ExitCode() }, slow).Should(BeZero())
		read.Close()
		signal(cmd.Process.Pid, syscall.SIGHUP) // which it logs
		Eventually(s.deploy("node-1.demo"), slow).Should(gexec.Exit(0))
		Expect(s.run("stop")).To(gexec.Exit(0))
		Expect(cmd.Wait()).To(Succeed())
	})
})
