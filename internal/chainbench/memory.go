package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// peaks follows the greatest resident memory that each party's processes had together, in bytes, until ctx is done. It is
// read ten times a second from the kernel's own high-water mark (rusage's would count the memory of who started them).
func peaks(ctx context.Context, parties []*party) []int64 {
	most := make([]int64, len(parties))
	for tick := time.Tick(100 * time.Millisecond); ; {
		for i, y := range parties {
			var sum int64
			for _, c := range y.processes {
				sum += highWater(c.Process.Pid)
			}
			most[i] = max(most[i], sum)
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return most
		}
	}
}

// highWater is 0 when the process has ended.
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, _ := strconv.ParseInt(number, 10, 64)
	return kib << 10
}
