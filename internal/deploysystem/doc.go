// Package deploysystem is the init of the deployment system: process 1 of a node that was booted from what internal/initramfs has built.
//
// It mounts what Linux needs, loads the modules that the hardware asks for, gets an address from whichever network leads to the server,
// and runs the agent as its child. When the agent ends because a reboot was ordered, it reboots; when the agent has lost the server, it
// says so on the console and the machine stays, with its ssh server, to be looked at: what comes next is the decision of the server, which
// has the power. It never ends itself, which would be a panic of the kernel. Under the name modprobe the same program is what the kernel calls for a module. Start reading at init.go.
package deploysystem
