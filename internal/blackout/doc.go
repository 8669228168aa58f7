// Package blackout kills a daemon with SIGKILL at moments drawn from a seed, while it deploys, starts it again each time, and then holds
// what the daemon says against what it said before and against the disks of its nodes. The nodes are those of the sandbox; the daemon is
// the real program.
package blackout
