// Package torture runs the chain tool as people do, as processes on machines of their own, does to it what happens to machines,
// and judges what it did. A run is drawn from a seed: New makes a Scenario of it, which is pure and can be read; Run acts it out
// with real programs, signals, cables, disks and proxies; Judge compares the Outcome with what the tool promises, and is pure, too.
// The seed gives the same scenario every time; when exactly a fault strikes, the machine has its share in.
//
// The hosts are network namespaces where there can be any. Otherwise they are addresses of the loopback, without cables to pull
// and links to slow down.
package torture
