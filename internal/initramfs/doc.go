// Package initramfs builds the deployment system: the file system in memory that a node's kernel is booted with. It has the agent as
// its /init, modules of the kernel, and tools of the machine that builds it with the libraries they need.
//
// Build gives the archive and a Report of what is in it and what was left out. The same input gives the same bytes, on any day and
// by any user: nothing is taken over of a file but its content and whether it may be executed. Start reading at build.go.
package initramfs
