// Package pxe writes and reads the boot profiles of PXELINUX: what a node's firmware finds under its own name when it
// starts from the network (Kadeploy3 1.7).
//
// A Profile is a value; Render makes its text and Parse reads it back, so that whatever the server can say a firmware
// of ours understands. A Dir keeps one profile per node below the TFTP root. Values from outside (kernel parameters,
// file names, host names) are checked when a profile is rendered: none of them can add a line or a word of its own to
// what a node boots.
//
// The package serves nothing and knows no image: pxe/tftp does the former, internal/image finds kernels.
package pxe
