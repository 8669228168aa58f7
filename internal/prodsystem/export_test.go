package prodsystem

// Installed are the files that a package would have the agent in.
var Installed = &installed
