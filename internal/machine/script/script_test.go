package script_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine/script"
)

var _ = Describe("Run", func() {
	var dir string
	var cfg script.Config

	write := func(text string) {
		cfg.File = filepath.Join(dir, "go.sh")
		Expect(os.WriteFile(cfg.File, []byte(text), 0o700)).To(Succeed())
	}
	run := func() (string, error) { return script.Run(context.Background(), cfg) }
	// pid reads a number that the script has written, and says whether that process lives.
	pid := func(name string) int {
		var n int
		Eventually(func() (err error) {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err == nil {
				n, err = strconv.Atoi(strings.TrimSpace(string(text)))
			}
			return err
		}, "5s").Should(Succeed())
		return n
	}
	dead := func(n int) func() bool {
		return func() bool {
			state, err := os.ReadFile("/proc/" + strconv.Itoa(n) + "/stat")
			return err != nil || strings.Contains(string(state), ") Z ")
		}
	}

	BeforeEach(func() {
		dir = GinkgoT().TempDir()
		cfg = script.Config{Dir: dir}
	})

	It("gives the script its arguments, its variables, PATH and nothing else", func() {
		GinkgoT().Setenv("HOME_OF_THE_DAEMON", "private")
		write("#!/bin/sh\necho \"$1+$2\"\n/usr/bin/env | sort\n")
		cfg.Args, cfg.Env = []string{"a b", "$HOME"}, map[string]string{"KADEPLOY_ENV": "it's \"quoted\" $(here)"}
		out, err := run()
		Expect(err).NotTo(HaveOccurred())
		lines := strings.Split(strings.TrimSpace(out), "\n")
		Expect(lines[0]).To(Equal("a b+$HOME"))
		Expect(lines).To(ContainElement(`KADEPLOY_ENV=it's "quoted" $(here)`))
		Expect(lines).To(ContainElement("PATH=" + script.Path))
		Expect(out).NotTo(ContainSubstring("private"))
	})

	It("refuses variables of other names", func() {
		write("#!/bin/sh\n")
		cfg.Env = map[string]string{"LD_PRELOAD": "/x.so"}
		_, err := run()
		Expect(err).To(MatchError(ContainSubstring("LD_PRELOAD")))
	})

	It("reports the exit status with the last line that was printed", func() {
		write("#!/bin/sh\necho first\necho no such disk >&2\nexit 3\n")
		out, err := run()
		Expect(err).To(MatchError("script go.sh: exit status 3: no such disk"))
		Expect(out).To(Equal("first\nno such disk\n"))
	})

	It("keeps the last 4 KiB of the output, as valid text", func() {
		write("#!/bin/sh\ni=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; printf 'end\\377'\n")
		out, err := run()
		Expect(err).NotTo(HaveOccurred())
		Expect(len(out)).To(BeNumerically("<=", script.TailSize))
		Expect(out).To(HaveSuffix("line 2999\nend?"))
	})

	It("gives each line of the output to who wants it", func() {
		var got []string
		cfg.Stdout = func(line string) { got = append(got, line) }
		write("#!/bin/sh\necho one; echo two >&2; printf 'three\\nfour'\n")
		_, err := run()
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(Equal([]string{"one", "three", "four"}))
	})

	DescribeTable("says what is wrong with a file that is no script",
		func(text string, mode os.FileMode, want string) {
			write(text)
			Expect(os.Chmod(cfg.File, mode)).To(Succeed())
			_, err := run()
			Expect(err).To(MatchError(ContainSubstring(want)))
		},
		Entry("not executable", "#!/bin/sh\n", os.FileMode(0o600), "must be executable"),
		Entry("without an interpreter", "echo x\n", os.FileMode(0o700), "first line"),
		Entry("with an interpreter that is not there", "#!/bin/ash-of-elsewhere\n", os.FileMode(0o700), "no such file"),
	)

	It("kills a script that ignores TERM, with its children, when its time is over", func() {
		write("#!/bin/sh\ntrap '' TERM INT HUP\nsleep 1000 & echo $! > child; echo $$ > self; echo working\nwhile :; do sleep 1000; done\n")
		over := errors.New("timed out after 400 s")
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		type end struct {
			out string
			err error
		}
		ended := make(chan end, 1)
		go func() { out, err := script.Run(ctx, cfg); ended <- end{out, err} }()
		self, child := pid("self"), pid("child")
		cancel(over)
		var got end
		Eventually(ended, "5s").Should(Receive(&got))
		Expect(got.err).To(MatchError(over))
		Expect(got.out).To(ContainSubstring("working"), "the evidence is kept")
		Eventually(dead(self), "5s").Should(BeTrue())
		Eventually(dead(child), "5s").Should(BeTrue())
	})

	It("does not wait for what a script leaves behind, and kills it", func() {
		write("#!/bin/sh\nsleep 1000 & echo $! > child\nexit 0\n")
		start := time.Now()
		_, err := run()
		Expect(err).NotTo(HaveOccurred())
		Expect(time.Since(start)).To(BeNumerically("<", 10*time.Second))
		Eventually(dead(pid("child")), "5s").Should(BeTrue())
	})

	It("does not start when the time is over already", func() {
		write("#!/bin/sh\necho > ran\n")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := script.Run(ctx, cfg)
		Expect(err).To(MatchError(context.Canceled))
		Expect(filepath.Join(dir, "ran")).NotTo(BeAnExistingFile())
	})

	It("runs many at once, each written a moment before", func() {
		var all sync.WaitGroup
		fail := make(chan error, 100)
		for i := range 40 {
			all.Go(func() {
				file := filepath.Join(dir, strconv.Itoa(i))
				if err := os.WriteFile(file, []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
					fail <- err
					return
				}
				if _, err := script.Run(context.Background(), script.Config{File: file, Dir: dir, Writable: []string{dir}}); err != nil {
					fail <- err
				}
			})
		}
		all.Wait()
		Expect(fail).To(BeEmpty())
	})

	Describe("confined to a directory", func() {
		var outside string

		BeforeEach(func() {
			outside = GinkgoT().TempDir()
			cfg.Writable = []string{dir}
		})

		It("lets the script write there, to /dev/null, and nowhere else", func() {
			write("#!/bin/sh\necho in > inside && echo x > /dev/null && cat /etc/passwd > /dev/null || exit 1\necho out > $KADEPLOY_OUT/file\n")
			cfg.Env = map[string]string{"KADEPLOY_OUT": outside}
			_, err := run()
			Expect(err).To(MatchError(ContainSubstring("exit status 2")))
			Expect(filepath.Join(dir, "inside")).To(BeAnExistingFile())
			Expect(filepath.Join(outside, "file")).NotTo(BeAnExistingFile())
		})

		It("keeps root from making device nodes", func() {
			write("#!/bin/sh\nmknod disk b 8 0 2>&1 && echo made\nexit 0\n")
			out, err := run()
			Expect(err).NotTo(HaveOccurred(), out)
			Expect(out).NotTo(ContainSubstring("made"))
		})

		It("does not confine the program that runs it", func() {
			write("#!/bin/sh\n")
			_, err := run()
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(filepath.Join(outside, "mine"), nil, 0o600)).To(Succeed())
		})
	})
})
