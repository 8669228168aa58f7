// Package image knows the operating system images that the server deploys. Before any disk is touched, it reads an
// image once from end to end: its digests, its chain manifest, whether it unpacks to the last byte, and what is in it.
// It also takes kernels and initrds out of images, for nodes that boot them over the network.
//
// Read catalogue.go first, then pass.go (the one reading) and boot.go (kernels). The package serves and sends nothing:
// the chain actor opens an Image and hands it to package chain.
package image
