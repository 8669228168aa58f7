// Package e2e deploys machines of the lab with the real programs. Its specs have the tag e2e; `make e2e` runs them. What they
// assert is said by the machines' consoles and disks, the chassis' and the DHCP server's logs, and only then by the programs.
package e2e
