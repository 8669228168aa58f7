// Package tftp serves kernels and boot profiles to firmware, and fetches them as firmware does (RFC 1350; options of
// RFC 2347, block size of RFC 2348, transfer size of RFC 2349).
//
// A Server only reads, only regular files, only below its root whatever links are there; the number of its transfers
// and the time of each are bounded, and no packet can stop it. It is open to anyone who can reach its address: what
// may be seen is what is below the root. Fetch is the other side, for machines that exist only as programs.
package tftp
