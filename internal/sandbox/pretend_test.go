package sandbox_test

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pretendAgent is an agent reduced to its life as a process. The word habit= of the kernel command line says how it
// ends; what it started and was told stands in files of the disk.
func pretendAgent(args []string) {
	disk := value(args, "--sandbox-disk")
	cmdline := os.Getenv("KADEPLOY_CMDLINE")
	note(disk, "args", strings.Join(args, " "))
	note(disk, "cmdline", cmdline)
	note(disk, "agent", strconv.Itoa(os.Getpid()))
	fmt.Println("agent: hello")
	switch habit(cmdline) {
	case "reboot": // as told by the server
		os.Exit(0)
	case "lost":
		fmt.Println("agent: the server has gone")
		os.Exit(1)
	case "crash":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "faults": // lets the first of its faults happen
		if fault := value(args, "--sandbox-fault"); fault != "" {
			kind, step, _ := strings.Cut(fault, ":")
			slog.New(slog.NewTextHandler(os.Stderr, nil)).Warn("fault", "kind", kind, "step", step)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	case "family": // a script in a process group of its own, deaf to TERM and HUP, and its child
		script := exec.Command("sh", "-c", `trap "" TERM HUP; echo $$ > script; (trap "" TERM HUP; for i in 1 2 3 4 5 6; do sleep 10; done) & echo $! > grandchild; wait`)
		script.Dir = disk
		script.Env = []string{"PATH=" + os.Getenv("PATH"), "KADEPLOY_ENV=debian"}
		script.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := script.Start(); err != nil {
			fmt.Println(err)
		}
	}
	time.Sleep(time.Hour)
}

func habit(cmdline string) string {
	for _, word := range strings.Fields(cmdline) {
		if h, ok := strings.CutPrefix(word, "habit="); ok {
			return h
		}
	}
	return ""
}

func value(args []string, flag string) string {
	for i, arg := range args[:len(args)-1] {
		if arg == flag {
			return args[i+1]
		}
	}
	return ""
}

// note writes a file whole or not at all.
func note(disk, name, text string) {
	tmp := filepath.Join(disk, name+".tmp")
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		fmt.Println(err)
	}
	if err := os.Rename(tmp, filepath.Join(disk, name)); err != nil {
		fmt.Println(err)
	}
}
