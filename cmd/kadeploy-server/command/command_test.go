package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/cmd/kadeploy-server/command"
)

// use is one use of the command in this process.
type use struct {
	out, err bytes.Buffer
	asked    string // the server that status asked
	answer   *message.Status
	silence  error
}

func (u *use) run(args ...string) int {
	u.out.Reset()
	u.err.Reset()
	return command.Run(command.Config{
		Ask: func(_ context.Context, server, _ string) (*message.Status, error) {
			u.asked = server
			return u.answer, u.silence
		},
		Stdout: &u.out, Stderr: &u.err, Version: "1.2.3",
	}, append([]string{"kadeploy-server"}, args...))
}

func (u *use) json() map[string]any {
	GinkgoHelper()
	var value map[string]any
	Expect(json.Unmarshal(u.out.Bytes(), &value)).To(Succeed(), u.out.String())
	return value
}

// configuration makes a small valid directory.
func configuration() string {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	for name, text := range map[string]string{
		"deploy.conf":       "kadeploy_server_port = 4711\n",
		"nodes.conf":        "node-[1-2].demo 127.1.0.[1-2] blue\n",
		"cluster-blue.conf": "power = sandbox\nblock_device = /dev/sda\ndeploy_part = 3\ndeploy_kernel = k\ndeploy_initrd = i\n",
	} {
		Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)).To(Succeed())
	}
	return dir
}

var commands = []string{"start", "stop", "restart", "status", "check-config", "backup", "restore", "compact", "sandbox", "version", "help"}

var _ = Describe("the help", func() {
	for _, name := range commands[:len(commands)-1] {
		It("of "+name+" has an example, and is the same in all its forms", func() {
			u := &use{}
			Expect(u.run(name, "--help")).To(BeZero())
			text := u.out.String()
			Expect(text).To(MatchRegexp(`(?s)EXAMPLES:\n +kadeploy-server ` + name))
			for _, form := range [][]string{{"help", name}, {"--help", name}, {name, "-h"}} {
				Expect(u.run(form...)).To(BeZero())
				Expect(u.out.String()).To(Equal(text))
			}
			Expect(u.err.String()).To(BeEmpty())
		})
	}

	It("of the program names every command", func() {
		u := &use{}
		Expect(u.run("--help")).To(BeZero())
		for _, name := range commands {
			Expect(u.out.String()).To(MatchRegexp("(?m)^   " + name + " "))
		}
	})

	It("documents every field of the JSON, and no other", func() {
		u := &use{}
		dir := configuration()
		Expect(u.run("status", "-d", dir, "--output", "json")).To(Equal(3))
		status := keys(u.json())
		Expect(os.WriteFile(filepath.Join(dir, "cluster-red.conf"), nil, 0o600)).To(Succeed()) // a note
		Expect(u.run("check-config", "-d", dir, "--output", "json", "--explain", "node-1.demo")).To(BeZero())
		check := keys(u.json())

		Expect(u.run("status", "--help")).To(BeZero())
		Expect(status).To(ConsistOf(documented(u.out.String())))
		Expect(u.run("check-config", "--help")).To(BeZero())
		Expect(check).To(ConsistOf(documented(u.out.String())))
	})
})

var word = regexp.MustCompile(`"([a-z_]+)"`)

func documented(help string) []string {
	var names []string
	description, _, _ := strings.Cut(help, "OPTIONS:")
	for _, m := range word.FindAllStringSubmatch(description, -1) {
		names = append(names, m[1])
	}
	return names
}

// keys are the names in a document and in the first element of its lists.
func keys(value map[string]any) []string {
	var names []string
	for name, v := range value {
		names = append(names, name)
		if list, ok := v.([]any); ok {
			Expect(list).NotTo(BeEmpty(), name)
			names = append(names, keys(list[0].(map[string]any))...)
		}
	}
	return names
}

var _ = Describe("the order of words", func() {
	DescribeTable("does not matter", func(line string) {
		u := &use{}
		dir := configuration()
		Expect(u.run(strings.Fields(strings.ReplaceAll(line, "DIR", dir))...)).To(BeZero(), u.err.String())
		Expect(u.out.String()).To(ContainSubstring(`"valid": true`))
	},
		Entry(nil, "check-config -d DIR --output json"),
		Entry(nil, "-d DIR check-config --output json"),
		Entry(nil, "--config-dir DIR --output json check-config"),
		Entry(nil, "--output=json -d=DIR check-config"),
		Entry(nil, "check-config --output json --config-dir=DIR --"),
	)

	It("leaves the last word to --: what follows is an argument", func() {
		u := &use{}
		Expect(u.run("status", "--", "--help")).To(Equal(2))
		Expect(u.err.String()).To(ContainSubstring(`status takes no argument "--help"`))
	})
})

var _ = Describe("check-config", func() {
	It("shows a note without minding it", func() {
		u, dir := &use{}, configuration()
		Expect(os.WriteFile(filepath.Join(dir, "cluster-red.conf"), nil, 0o600)).To(Succeed())
		Expect(u.run("check-config", "-d", dir)).To(BeZero())
		Expect(u.out.String()).To(Equal(dir + ": 2 nodes in 1 cluster, no errors\n"))
		Expect(u.err.String()).To(ContainSubstring("cluster-red.conf: note: "))
	})

	It("gives programs the same: severity, place and hint", func() {
		u, dir := &use{}, configuration()
		Expect(os.WriteFile(filepath.Join(dir, "deploy.conf"), []byte("reboot_windw = 4\n"), 0o600)).To(Succeed())
		Expect(u.run("check-config", "-d", dir, "--output", "json")).To(Equal(2))
		Expect(u.json()).To(HaveKeyWithValue("valid", false))
		Expect(u.json()["diagnostics"]).To(ContainElement(And(
			HaveKeyWithValue("severity", "error"), HaveKeyWithValue("file", filepath.Join(dir, "deploy.conf")),
			HaveKeyWithValue("line", 1.0), HaveKeyWithValue("column", 1.0), HaveKeyWithValue("source", "reboot_windw = 4"),
			HaveKeyWithValue("hint", ContainSubstring("reboot_window")))))
	})

	It("fails when its result cannot be written", func() {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		Expect(err).NotTo(HaveOccurred())
		defer full.Close()
		u := &use{}
		code := command.Run(command.Config{Stdout: full, Stderr: &u.err}, []string{"kadeploy-server", "check-config", "-d", configuration()})
		Expect(code).To(Equal(1))
		Expect(u.err.String()).To(ContainSubstring("no space left on device"))
	})
})

var _ = Describe("status", func() {
	var u *use
	var dir string

	BeforeEach(func() {
		u, dir = &use{answer: &message.Status{Version: "9"}}, configuration()
	})

	It("asks the address that the daemon took, whatever the files say now", func() {
		runs(dir, "4242\n127.0.0.9:1\n")
		u.answer.Operations = []*message.OperationStatus{{Running: true, Total: 3}, {Total: 100}, {Running: true, Total: 4}}
		Expect(u.run("status", "-d", dir)).To(BeZero())
		Expect(u.asked).To(Equal("127.0.0.9:1"))
		Expect(u.out.String()).To(MatchRegexp(`^kadeploy-server runs with pid 4242 since .*\n2 operations running, 7 nodes\n$`))
	})

	It("says why a daemon does not answer", func() {
		runs(dir, "4242\n127.0.0.9:1\n")
		u.silence = errors.New("tired")
		Expect(u.run("status", "-d", dir, "--output", "json")).To(Equal(1))
		Expect(u.json()).To(And(HaveKeyWithValue("running", true), HaveKeyWithValue("answers", false), HaveKeyWithValue("error", "tired")))
		Expect(u.err.String()).To(Equal("kadeploy-server: pid 4242 does not answer: tired; see its log, or restart it\n"))
	})

	DescribeTable("never takes rubbish in a pid file for a pid", func(text string) {
		runs(dir, text)
		Expect(u.run("status", "-d", dir)).To(Equal(1))
		Expect(u.err.String()).To(ContainSubstring("is held by a process, but holds no pid"))
		Expect(u.run("stop", "-d", dir)).To(Equal(1))
	},
		Entry("nothing", ""), Entry("a word", "daemon\n"), Entry("init", "1\n"), Entry("all my processes", "-1\n"), Entry("my group", "0\n"),
		Entry("far too much", strings.Repeat("9", 1000)),
	)

	It("does not believe a pid file that nobody holds", func() {
		Expect(os.Mkdir(filepath.Join(dir, "var"), 0o700)).To(Succeed())
		pid := fmt.Sprintf("%d\n127.0.0.9:1\n", os.Getpid())
		Expect(os.WriteFile(filepath.Join(dir, "var", "kadeploy-server.pid"), []byte(pid), 0o600)).To(Succeed())
		Expect(u.run("status", "-d", dir)).To(Equal(3))
		Expect(u.run("stop", "-d", dir)).To(BeZero())
		Expect(u.asked).To(BeEmpty())
	})
})

// runs makes a directory look like that of a running daemon: its pid file is locked, and holds the text.
func runs(dir, text string) {
	GinkgoHelper()
	Expect(os.Mkdir(filepath.Join(dir, "var"), 0o700)).To(Succeed())
	f, err := os.Create(filepath.Join(dir, "var", "kadeploy-server.pid"))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(f.Close)
	_, err = f.WriteString(text)
	Expect(err).NotTo(HaveOccurred())
	Expect(unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})).To(Succeed())
}
