// Package labimage makes the systems that the lab's machines boot and are deployed: a tiny one of busybox and the kernel of
// this machine, as an archive and as images of a partition and of a whole disk, and a minimal Debian from its packages. They
// are kept in a cache by what they were made of.
package labimage
