package workflow

import "slices"

// customPreInstall is the instance whose site or user script partitions, formats and mounts.
const customPreInstall = "UntrustedCustomPreInstall"

// recipe lists the micro-steps of a supported instance before the bypass rules, in the order of Kadeploy3 1.4.
//
// One difference: Kadeploy3 mounts the target after a dd image only behind Kascade and Kastafior, against its own manual, so
// that a post-install behind Chain or Tree works on nothing. All four are one engine here and have the same steps.
func recipe(macro Macro, name string) []Step {
	if name == dummy {
		return []Step{{Micro: Dummy}, {Micro: Dummy}}
	}
	switch macro {
	case SetDeploymentEnv:
		return append(bootDeploymentSystem(name), prepareDisk(name)...)
	case BroadcastEnv:
		return steps(SendEnvironment, DecompressEnv, MountDeployPart, ManageAdminPost, ManageUserPost,
			CheckKernelFiles, SendKey, PhoneHome, InstallBootloader, Sync)
	}
	return bootNewSystem(name)
}

// nfsRoot is the instance whose deployment system has its root file system on a server.
const nfsRoot = "Nfsroot"

// The instances that begin in the system that runs on the node, which is entered by ssh.
const (
	prod        = "Prod"
	kexecDeploy = "Kexec"
)

// enters says whether an instance begins in the system that runs on the node.
func enters(macro Macro, name string) bool {
	return macro == SetDeploymentEnv && (name == prod || name == kexecDeploy)
}

// bootDeploymentSystem brings the agent up. check_nodes starts it in the system that runs (of Kadeploy3 1.4 it is a step of Prod only: there
// the server's own ssh sends the kernel).
func bootDeploymentSystem(name string) []Step {
	switch name {
	case prod:
		return steps(CheckNodes)
	case kexecDeploy:
		return []Step{
			{Micro: SetVLAN, Boot: BootDeploy},
			{Micro: CheckNodes},
			{Micro: SendDeploymentKernel},
			{Micro: Sync},
			{Micro: Kexec, Boot: BootDeploy},
			{Micro: WaitReboot, Boot: BootDeploy},
			{Micro: SendKeyInDeployEnv},
		}
	}
	boot := BootDeploy
	if name == nfsRoot {
		boot = BootNFSRoot
	}
	return []Step{
		{Micro: SwitchPXE, Boot: boot},
		{Micro: SetVLAN, Boot: BootDeploy},
		{Micro: RebootNode, Level: Soft},
		{Micro: WaitReboot, Boot: BootDeploy},
		{Micro: SendKeyInDeployEnv},
	}
}

func prepareDisk(name string) []Step {
	switch name {
	case customPreInstall:
		return steps(ManageAdminPre)
	case prod: // neither the table nor the swap space of a disk that may be in use
		return steps(FormatDeployPart, MountDeployPart, FormatTmpPart)
	}
	return steps(CreatePartitionTable, FormatDeployPart, MountDeployPart, FormatTmpPart, FormatSwapPart)
}

func bootNewSystem(name string) []Step {
	leave := []Step{{Micro: UmountDeployPart}, {Micro: RebootFromDeployEnv}}
	switch name {
	case "HardReboot":
		leave = []Step{{Micro: RebootNode, Level: Hard}}
	case "Kexec": // from a file system that has been unmounted once, so that what the kernel is read from is what the disk has
		leave = steps(UmountDeployPart, MountDeployPart, Kexec)
	}
	all := append([]Step{{Micro: SwitchPXE, Boot: BootUser}}, leave...)
	return append(all, Step{Micro: SetVLAN, Boot: BootUser}, Step{Micro: WaitReboot, Boot: BootUser})
}

func steps(micros ...Micro) []Step {
	list := make([]Step, len(micros))
	for i, m := range micros {
		list[i].Micro = m
	}
	return list
}

// bypass leaves out the steps that Kadeploy3's bypass rules drop for these facts.
func (f Facts) bypass(macro Macro, recipe []Step) []Step {
	return slices.DeleteFunc(recipe, func(s Step) bool { return !f.keeps(macro, s.Micro) })
}

// keeps holds the bypass rules of Kadeploy3 1.4, one micro-step each.
func (f Facts) keeps(macro Macro, micro Micro) bool {
	switch micro {
	case SetVLAN:
		return f.VLAN
	case SendKeyInDeployEnv:
		return f.Key
	case SendKey:
		return f.Key && f.mountable()
	case CreatePartitionTable:
		return !f.WholeDevice && !f.NoPartitioning
	case FormatDeployPart:
		return f.ImageKind == imageTar
	case MountDeployPart:
		// A tar image is unpacked into the mounted target; the others bring the file system that is then mounted.
		return f.mountable() && (macro == BootNewEnv || (f.ImageKind == imageTar) == (macro == SetDeploymentEnv))
	case FormatTmpPart:
		return f.FormatTmp && f.spare(f.TmpPart)
	case FormatSwapPart:
		return f.OS == "linux" && f.spare(f.SwapPart)
	case DecompressEnv:
		return f.ImageKind == imageFSA
	case ManageAdminPost:
		return f.AdminPostInstall && f.mountable()
	case ManageUserPost:
		return f.UserPostInstall && f.mountable()
	case PhoneHome:
		return f.PhoneHome
	case CheckKernelFiles, UmountDeployPart:
		return f.mountable()
	case InstallBootloader:
		// With pure_pxe the step extracts the kernel on the server, without which the node has nothing to boot:
		// no rule about the disk's boot loader concerns it.
		return f.Bootloader == purePXE && !f.WholeDevice || f.mountable() && !f.NoBootloader && !f.LocalBoot
	}
	return true
}

// indexOf finds a micro-step, -1 when it is not there.
func indexOf(list []Step, micro Micro) int {
	return slices.IndexFunc(list, func(s Step) bool { return s.Micro == micro })
}
