package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// KillSession kills all that is left of the session (setsid(2)) that a child led, in whatever group, and returns when nothing
// of it runs. The child must not have been waited for yet: its number names the session. What has left the session escapes.
func KillSession(leader int) {
	for range 100 { // each round may find what a process that died in it had just started
		found := false
		for _, pid := range ofSession(leader) {
			found = unix.Kill(pid, unix.SIGKILL) == nil || found
		}
		if !found {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// ofSession are the living processes of a session. See proc_pid_stat(5) for the fields.
func ofSession(leader int) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		end := bytes.LastIndexByte(text, ')') // of the name, which may hold anything
		if end < 0 {
			continue
		}
		fields := bytes.Fields(text[end+1:]) // state, parent, group, session, ...
		if len(fields) < 4 || bytes.ContainsAny(fields[0], "ZX") || string(fields[3]) != strconv.Itoa(leader) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
