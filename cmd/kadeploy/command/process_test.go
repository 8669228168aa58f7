package command_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/cmd/kadeploy/command"
)

// processMain is the command as a process, with real signals; KADEPLOY_TEST_PROCESS says how its server behaves.
func processMain() int {
	f := newFake()
	f.deaf = os.Getenv("KADEPLOY_TEST_PROCESS") == "deaf"
	f.events = []*message.Event{started("node-1.demo")}
	return command.Run(context.Background(), command.Config{
		Dial: f.Dial,
		Interrupts: func() chan os.Signal {
			c := make(chan os.Signal, 2)
			signal.Notify(c, os.Interrupt, syscall.SIGTERM)
			return c
		},
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, User: "alice",
	}, append([]string{"kadeploy"}, os.Args[1:]...))
}

var _ = Describe("the process, when a person presses Ctrl-C", func() {
	var cmd *exec.Cmd
	var out, err buffer
	var dir string
	var server string

	JustBeforeEach(func() {
		out, err = buffer{}, buffer{}
		dir = GinkgoT().TempDir()
		description := filepath.Join(dir, "debian.env")
		Expect(os.WriteFile(description, []byte("name : debian\n"), 0o600)).To(Succeed())
		cmd = exec.Command(os.Args[0], "deploy", "-m", "node-1.demo", "-a", description, "-n", filepath.Join(dir, "ko"))
		cmd.Env = append(os.Environ(), "KADEPLOY_TEST_PROCESS="+server)
		cmd.Stdout, cmd.Stderr = &out, &err
		Expect(cmd.Start()).To(Succeed())
		DeferCleanup(func() {
			_ = cmd.Process.Kill() // when the spec failed before the end
			_ = cmd.Wait()
		})
		Eventually(err.String).WithTimeout(10 * second).Should(ContainSubstring("D-1, 1 node"))
		Expect(cmd.Process.Signal(os.Interrupt)).To(Succeed())
	})

	Context("and the server answers", func() {
		BeforeEach(func() { server = "good" })

		It("cancels the deployment, waits for its end, writes the files and exits 130", func() {
			_ = cmd.Wait()
			Expect(cmd.ProcessState.ExitCode()).To(Equal(130))
			Expect(err.String()).To(ContainSubstring("interrupted: cancelling D-1"))
			Expect(out.String()).To(ContainSubstring("cancelled"))
			Expect(os.ReadFile(filepath.Join(dir, "ko"))).To(BeEquivalentTo("node-1.demo\n"))
		})
	})

	Context("and the server does not", func() {
		BeforeEach(func() { server = "deaf" })

		It("leaves at once at the second Ctrl-C", func() {
			Eventually(err.String).WithTimeout(10 * second).Should(ContainSubstring("Ctrl-C again leaves at once"))
			Expect(cmd.Process.Signal(os.Interrupt)).To(Succeed())
			_ = cmd.Wait()
			Expect(cmd.ProcessState.ExitCode()).To(Equal(130))
			Expect(err.String()).To(ContainSubstring("left before the server confirmed the end of D-1"))
		})
	})
})

var _ = Describe("the process, before it has spoken with the server", func() {
	It("is ended by Ctrl-C as any other, even when it waits for the nodes on standard input", func() {
		stdin, stdinWriter := io.Pipe()
		cmd := exec.Command(os.Args[0], "deploy", "-f", "-", "-a", "none")
		cmd.Env = append(os.Environ(), "KADEPLOY_TEST_PROCESS=good")
		cmd.Stdin = stdin
		Expect(cmd.Start()).To(Succeed())
		_, err := stdinWriter.Write([]byte("node-1.demo\n")) // taken by the copy to the process: it runs
		Expect(err).NotTo(HaveOccurred())
		Expect(cmd.Process.Signal(os.Interrupt)).To(Succeed())
		Expect(stdinWriter.Close()).To(Succeed())
		_ = cmd.Wait()
		Expect(cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled()).To(BeTrue())
	})
})
