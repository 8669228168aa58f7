// Package blackout kills a daemon with SIGKILL at moments drawn from a seed, while it deploys, starts it again each time, and then holds
// what the daemon says against what it said before, against the disks of its nodes, against what the machines and the scripts on them did, and
// against its image cache. The nodes are those of the sandbox, in the daemon or in a process of their own; the daemon is the real program.
//
// Read run.go first, then draw.go (what is drawn), settle.go (what is held against what) and the judges: judge.go, ends.go, deeds.go with turns.go, boots.go,
// cache.go, and series.go of many runs.
package blackout
