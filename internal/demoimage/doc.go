// Package demoimage makes the images of the demonstration and of tests: a small root file system with the shapes of a
// real one, the kernel and initrd of a deployment system, a pre- and a post-install. The same bytes come out each time,
// on every machine: contents are drawn from seeds, times are fixed, names are sorted.
//
// None of it boots on hardware. The sandbox's firmware tells a deployment system by DeployKernelMagic and takes every
// other kernel for that of a deployed system.
package demoimage
