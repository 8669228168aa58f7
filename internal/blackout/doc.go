// Package blackout kills a daemon with SIGKILL at moments drawn from a seed, while it deploys, starts it again each time, and then holds
// what the daemon says against what it said before, against the disks of its nodes, against what the machines did, and against its image
// cache. The nodes are those of the sandbox, in the daemon or in a process of their own; the daemon is the real program.
//
// Read run.go first, then draw.go (what is drawn), settle.go (what is held against what) and the judges: judge.go, boots.go, cache.go.
package blackout
