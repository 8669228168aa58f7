// Package pxe writes the boot profiles of PXELINUX, iPXE and GRUB: what a node's boot loader finds under its own name when it
// starts from the network (Kadeploy3 1.7).
//
// A Profile is a value; a Loader renders it in its language, and Parse reads that of PXELINUX back, which is what the firmware of
// machines without hardware understands. A Dir keeps one profile per node below the TFTP root, and says which files they name. Values from outside (kernel parameters,
// file names, host names) are checked when a profile is rendered: none of them can add a line or a word of its own to
// what a node boots.
//
// The package serves nothing and knows no image: pxe/tftp and pxe/http do the former, internal/image finds kernels.
package pxe
