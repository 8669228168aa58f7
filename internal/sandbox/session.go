package sandbox

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// killDeadline bounds the time for killed processes to go; only one stuck in the kernel takes longer than milliseconds.
const killDeadline = 5 * time.Second

// killSession kills the processes of a session that ours accepts and returns when all are dead, the leader possibly a
// zombie. A caller that accepts any must not have reaped the leader yet: until then its number cannot be anybody else's.
func killSession(leader int, ours func(pid int) bool) error {
	for start, pause := time.Now(), time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		members, err := session(leader)
		if err != nil {
			return err
		}
		members = slices.DeleteFunc(members, func(pid int) bool { return !ours(pid) })
		if len(members) == 0 {
			return nil
		}
		if time.Since(start) > killDeadline {
			return fmt.Errorf("processes %v do not die of SIGKILL", members)
		}
		for _, pid := range members {
			_ = syscall.Kill(pid, syscall.SIGKILL) // that it has ended by itself is as good
		}
		time.Sleep(pause)
	}
}

// session lists the living processes of a session.
func session(leader int) ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var members []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if state, sid := processState(pid); sid == leader && state != "Z" && state != "X" {
			members = append(members, pid)
		}
	}
	return members, nil
}

// processState reads state and session from /proc/PID/stat (proc(5)), "" and 0 when the process has gone. The name of the
// program may hold blanks and parentheses; the fields follow the last parenthesis.
func processState(pid int) (state string, sid int) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 4 {
		return "", 0
	}
	sid, _ = strconv.Atoi(fields[3])
	return fields[0], sid
}
