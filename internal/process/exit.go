// Package process is what the programs that start others share: how to see a child's death before its number is free again,
// and its last words.
package process

import (
	"errors"

	"golang.org/x/sys/unix"
)

// AwaitExit waits until a child is dead and leaves it unreaped: its number still names it, and the group it led, and nothing else.
func AwaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
