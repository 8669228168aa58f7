// Package broadcast is the chain as a tool: one file from this machine to many, without a daemon. Send is the head, Receive one of
// the machines; both are what `kadeploy-agent chain` runs once its command line is understood.
//
// Results go to standard output, progress and events to standard error. What a transfer promises is package chain's; where a receiver's
// data goes is package outlet's. Decisions about what to show are pure: board.go (what is known of the nodes), report.go (the end).
package broadcast
