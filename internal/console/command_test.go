package console

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
)

var _ = Describe("A console command", func() {
	var (
		screen *gbytes.Buffer
		types  *io.PipeWriter
		leave  context.CancelFunc
		end    chan error
	)
	run := func(argv ...string) {
		ctx, cancel := context.WithCancel(context.Background())
		in, typing := io.Pipe()
		screen, types, leave, end = gbytes.NewBuffer(), typing, cancel, make(chan error, 1)
		context.AfterFunc(ctx, func() { in.Close() })
		go func() { end <- Command(argv).Run(ctx, in, screen) }()
		DeferCleanup(cancel)
	}
	// alive are the processes whose command line has a text.
	alive := func(text string) (found []string) {
		files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, file := range files {
			if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), text) {
				found = append(found, string(line))
			}
		}
		return found
	}

	It("has a terminal, which does nothing to what is typed", func() {
		run("sh", "-c", "tty; exec cat -v")
		Eventually(screen).Should(gbytes.Say("/dev/pts/"))
		_, err := io.WriteString(types, "a\x03\r\x04\n")
		Expect(err).NotTo(HaveOccurred())
		Eventually(screen).Should(gbytes.Say(`a\^C\^M\^D\r\n`))
		leave()
		Eventually(end).Should(Receive(BeNil()))
	})

	It("is killed with all that it started, in whatever group", func() {
		mark := fmt.Sprintf("console-spec-%d", os.Getpid())
		run("bash", "-c", fmt.Sprintf("set -m; nohup sh -c 'sleep 1000; : %[1]s' & sh -c 'sleep 1000; : %[1]s' & echo started; cat; : %[1]s", mark))
		Eventually(screen).Should(gbytes.Say("started"))
		Expect(len(alive(mark))).To(BeNumerically(">=", 2))
		leave()
		Eventually(end).Should(Receive(BeNil()))
		Expect(alive(mark)).To(BeEmpty())
	})

	It("that ends says how, without its arguments", func() {
		run("sh", "-c", "echo goodbye; exit 3 # secret")
		Eventually(end).Should(Receive(MatchError("sh: exit status 3")))
		Expect(screen).To(gbytes.Say("goodbye"))
		run("/nonexistent/conman")
		Eventually(end).Should(Receive(MatchError(ContainSubstring("no such file"))))
	})
})
