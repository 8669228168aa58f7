package main

import (
	"fmt"
	"os"
	"time"
)

// ticks is the time of all cores since the machine's boot, in the kernel's hundredths of a second.
type ticks struct{ busy, all int64 }

// now is zero where /proc is not as expected: it only judges the numbers, it is none of them.
func now() (t ticks) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return t
	}
	var user, nice, system, idle, wait, irq, soft, steal int64
	fmt.Sscanf(string(stat), "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &irq, &soft, &steal)
	t.busy = user + nice + system + irq + soft + steal
	t.all = t.busy + idle + wait
	return t
}

// others is the share of the machine's time since before that was not idle and not ours: other programs', the kernel's own
// threads', and what a hypervisor took away.
func (t ticks) others(before ticks, ours time.Duration) float64 {
	busy := time.Duration(t.busy-before.busy) * 10 * time.Millisecond
	all := time.Duration(t.all-before.all) * 10 * time.Millisecond
	if all <= 0 {
		return 0
	}
	return max(0, float64(busy-ours)/float64(all))
}
