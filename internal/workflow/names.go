package workflow

import "time"

// Macro is a macro-step (Kadeploy3 1.4).
type Macro string

// The macro-steps, in the order a deployment walks them; Reboot and Power are each the only one of such a request.
const (
	SetDeploymentEnv Macro = "SetDeploymentEnv"
	BroadcastEnv     Macro = "BroadcastEnv"
	BootNewEnv       Macro = "BootNewEnv"
	Reboot           Macro = "Reboot"
	Power            Macro = "Power"
)

// OfKadeploy3 ends the names of instances whose tries Kadeploy3 made and measured: their times are never taken for ours.
const OfKadeploy3 = " (Kadeploy3)"

// Micro is a micro-step, with the name that users know from Kadeploy3.
type Micro string

// The micro-steps.
const (
	SwitchPXE            Micro = "switch_pxe"
	SetVLAN              Micro = "set_vlan"
	RebootNode           Micro = "reboot"
	WaitReboot           Micro = "wait_reboot"
	SendKeyInDeployEnv   Micro = "send_key_in_deploy_env"
	CreatePartitionTable Micro = "create_partition_table"
	FormatDeployPart     Micro = "format_deploy_part"
	MountDeployPart      Micro = "mount_deploy_part"
	FormatTmpPart        Micro = "format_tmp_part"
	FormatSwapPart       Micro = "format_swap_part"
	MountTmpPart         Micro = "mount_tmp_part"
	CheckNodes           Micro = "check_nodes"
	SendDeploymentKernel Micro = "send_deployment_kernel"
	ManageAdminPre       Micro = "manage_admin_pre_install"
	SendEnvironment      Micro = "send_environment"
	DecompressEnv        Micro = "decompress_environment"
	ManageAdminPost      Micro = "manage_admin_post_install"
	ManageUserPost       Micro = "manage_user_post_install"
	CheckKernelFiles     Micro = "check_kernel_files"
	SendKey              Micro = "send_key"
	InstallBootloader    Micro = "install_bootloader"
	Sync                 Micro = "sync"
	UmountDeployPart     Micro = "umount_deploy_part"
	RebootFromDeployEnv  Micro = "reboot_from_deploy_env"
	Kexec                Micro = "kexec"
	CustomPre            Micro = "custom_pre"
	CustomSub            Micro = "custom_sub"
	CustomPost           Micro = "custom_post"
	PowerOn              Micro = "power_on"
	PowerOff             Micro = "power_off"
	PowerCycle           Micro = "power_cycle"
	Dummy                Micro = "dummy"
	AwaitAgent           Micro = "await_agent" // whose connection broke: it may call again
	PhoneHome            Micro = "phone_home"  // the new system is told to say which image it is
)

// Micros lists the micro-steps that Kadeploy3 has, as far as they can be named in configurations: not those of custom operations, nor what is ours alone: AwaitAgent and PhoneHome.
func Micros() []Micro {
	return []Micro{
		SwitchPXE, SetVLAN, RebootNode, WaitReboot, SendKeyInDeployEnv, CreatePartitionTable, FormatDeployPart, MountDeployPart,
		FormatTmpPart, FormatSwapPart, MountTmpPart, CheckNodes, SendDeploymentKernel, ManageAdminPre, SendEnvironment, DecompressEnv,
		ManageAdminPost, ManageUserPost, CheckKernelFiles, SendKey, InstallBootloader, Sync, UmountDeployPart, RebootFromDeployEnv,
		Kexec, Dummy,
	}
}

// Acts says whether a micro-step does what cannot be undone, or what a server must know that comes after this one: it changes what a node
// boots next, its power, its disk, or runs a site's program. The others wait or look, or do what may be done again at any time: mount, sync, put a
// key into a file. That a node has come to a step that acts must be on the disk before the step begins.
func (m Micro) Acts() bool {
	switch m {
	case WaitReboot, AwaitAgent, CheckKernelFiles, Dummy,
		MountDeployPart, MountTmpPart, UmountDeployPart, Sync, SendKeyInDeployEnv, SendKey:
		return false
	}
	return true
}

// Spec is one instance of a macro-step as the site configured it: "Untrusted", 2 tries of 400 s each.
type Spec struct {
	Name    string        // without the macro-step's name
	Tries   int           // 0: the instance is skipped
	Timeout time.Duration // of each try; 0: none
}
