// Package layout is what the one who builds the deployment system and the one who runs in it agree on.
package layout

const (
	// Init is the agent's program; the two below are links to it.
	Init     = "/init"
	Modprobe = "/usr/sbin/modprobe"      // what the kernel calls for a module
	SSHD     = "/usr/sbin/kadeploy-sshd" // the ssh server
	// ShellMarker is a file that says: there is a shell on the console, whatever the kernel command line says.
	ShellMarker = "/etc/kadeploy/shell"
	// Keys is the file of the keys that may log in, as sshd(8) has it.
	Keys = "/root/.ssh/authorized_keys"
	// Grub is the directory of boot loaders: boot.img and core.img for BIOS, BOOTX64.EFI for UEFI.
	Grub = "/usr/lib/kadeploy/grub"
	// Modules is the directory of a kernel's modules: modules.dep, .alias, .softdep and .builtin as depmod(8) has them.
	Modules = "/lib/modules"
)

// KexecStatus is the exit status of an agent that has loaded another kernel for process 1 to start; 0 is for a reboot.
const KexecStatus = 3
