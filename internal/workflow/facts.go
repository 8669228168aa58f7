package workflow

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Facts are all that the bypass rules of Kadeploy3 1.4 look at, for one node: its configuration, the environment and the
// user's wishes together. The zero value of a wish is that the user did not ask.
type Facts struct {
	// The environment.
	ImageKind       string // tar, dd or fsa
	OS              string // linux, xen, other
	Filesystem      string // of the deployed partition; "" when the deployment system has none to make or mount
	Multipart       bool   // the image holds several partitions
	UserPreInstall  bool   // the environment has a preinstall: it replaces the first macro-step
	UserPostInstall bool
	PauseAfter      []Micro // steps whose script is called breakpoint: the node stops behind them

	// The node's configuration.
	DeployPart, TmpPart, SwapPart string // partition suffixes; "" or none: there is no such partition
	SupportedFS                   []string
	AdminPreInstall               bool
	AdminPostInstall              bool
	Bootloader                    string // pure_pxe or chainload_pxe
	BootloaderScript              bool   // the site has a script of its own that installs the boot loader of chainload_pxe
	LocalBoot                     bool   // the network boot loader starts the kernel on the disk by itself (GrubPXE)
	RebootTimeout                 time.Duration
	NoEntry                       string // why the system that runs on the node cannot be entered by ssh, as it follows an instance's name; "": it can
	DeployInitrds                 int    // of the deployment system
	NFSRoot                       bool   // there is a kernel for a deployment system over NFS

	// The request.
	WholeDevice    bool // the image goes to the block device, not to a partition of it
	Key            bool // the user gave ssh keys
	FormatTmp      bool
	PhoneHome      bool // the new system itself is to say which image it is
	NoPartitioning bool
	NoBootloader   bool
	NoKexec        bool
	VLAN           bool
	Breakpoint     *Breakpoint // nil: none
	Custom         []Customs
}

// Names that Facts shares with the configuration.
const (
	imageTar = "tar"
	imageDD  = "dd"
	imageFSA = "fsa"

	purePXE      = "pure_pxe"
	chainloadPXE = "chainload_pxe"
)

// check refuses facts that no plan can be made for, whatever the instances.
func (f Facts) check() error {
	if !slices.Contains([]string{imageTar, imageDD, imageFSA}, f.ImageKind) {
		return fmt.Errorf("image kind %s: expected tar or dd", quote(f.ImageKind))
	}
	if !slices.Contains([]string{purePXE, chainloadPXE}, f.Bootloader) {
		return fmt.Errorf("bootloader %s: expected pure_pxe or chainload_pxe", quote(f.Bootloader))
	}
	if f.WholeDevice && f.ImageKind != imageDD {
		return fmt.Errorf("a %s image cannot be written to a whole block device: name a partition or use a dd image", f.ImageKind)
	}
	if f.PhoneHome && !f.mountable() {
		return fmt.Errorf("phone_home lays a file into the deployed system, which must be mounted for that, and this image of kind %s gives no partition to mount: "+
			"name a filesystem of supported_fs (%s) and a partition, or set phone_home = false", f.ImageKind, strings.Join(f.SupportedFS, ", "))
	}
	return nil
}

// replace applies the rules that put other instances in the place of the configured ones.
//
// The preinstall of an environment makes SetDeploymentEnv the single UntrustedCustomPreInstall, with the tries and the timeout of
// the first configured instance (that is not switched off by 0 tries). BootNewEnv's Kexec becomes one try of Classical where a
// kexec cannot work or is not wanted.
func (f Facts) replace(macro Macro, specs []Spec) []Spec {
	if macro == SetDeploymentEnv && f.UserPreInstall {
		for _, spec := range specs {
			if spec.Tries > 0 {
				return []Spec{{customPreInstall, spec.Tries, spec.Timeout}}
			}
		}
	}
	if macro == BootNewEnv && (f.NoKexec || f.OS != "linux" || !f.mountable()) {
		specs = slices.Clone(specs)
		for i, spec := range specs {
			if spec.Name == "Kexec" && spec.Tries > 0 {
				specs[i] = Spec{"Classical", 1, f.RebootTimeout + kexecFallbackGrace}
			}
		}
	}
	return specs
}

// skips says why an instance is not tried among those of its macro-step, "" when it is.
func (f Facts) skips(macro Macro, spec Spec, among []Spec) string {
	if spec.Tries <= 0 {
		return "has 0 tries"
	}
	if ok, reason := Usable(macro, spec.Name, among); !ok {
		return reason
	}
	// Kadeploy3 would run it without its only purpose and then unpack the image where nothing is mounted.
	if spec.Name == customPreInstall && !f.UserPreInstall && !f.AdminPreInstall {
		return "has no preinstall to run: neither the environment nor admin_pre_install names one"
	}
	if lacks := f.Lacks(macro, spec.Name); lacks != "" {
		return lacks
	}
	if macro == SetDeploymentEnv && spec.Name == prod && f.Bootloader == chainloadPXE && !f.BootloaderScript && f.keeps(BroadcastEnv, InstallBootloader) {
		return "has no boot loader to install, it is in the deployment system: set bootloader_script, or bootloader = pure_pxe"
	}
	return ""
}

// Lacks says what the node's configuration lacks for an instance, whatever is deployed, as it follows the instance's name; "" when
// nothing. It looks at NoEntry, DeployInitrds and NFSRoot alone.
func (f Facts) Lacks(macro Macro, name string) string {
	switch {
	case enters(macro, name) && f.NoEntry != "":
		return f.NoEntry
	case macro == SetDeploymentEnv && name == kexecDeploy && f.DeployInitrds > 1:
		return fmt.Sprintf("takes one initrd, and deploy_initrd names %d", f.DeployInitrds)
	case macro == SetDeploymentEnv && name == nfsRoot && !f.NFSRoot:
		return "has no kernel to boot: set nfsroot_kernel and nfsroot_params"
	}
	return ""
}

// fit refuses an instance whose steps would seem to go well and leave a node without its system.
func (f Facts) fit(macro Macro, name string, steps []Step) error {
	has := func(m Micro) bool { return indexOf(steps, m) >= 0 }
	switch {
	case has(FormatDeployPart) && !has(MountDeployPart):
		return fmt.Errorf("%s%s: a tar image needs a file system that the deployment system can mount: %s is not in supported_fs (%s)",
			macro, name, quote(f.Filesystem), strings.Join(f.SupportedFS, ", "))
	case has(InstallBootloader) && f.Bootloader == chainloadPXE && !f.BootloaderScript && f.OS != "linux":
		return fmt.Errorf("%s%s: the boot loader of chainload_pxe starts linux: for a system of kind %s set bootloader_script", macro, name, f.OS)
	case has(InstallBootloader) && f.Bootloader == purePXE && f.OS == "other":
		return fmt.Errorf("%s%s: bootloader = pure_pxe cannot boot a system of kind other: use chainload_pxe", macro, name)
	case has(InstallBootloader) && f.Bootloader == purePXE && f.ImageKind != imageTar:
		return fmt.Errorf("%s%s: bootloader = pure_pxe takes the kernel from a tar image: for one of kind %s use chainload_pxe", macro, name, f.ImageKind)
	}
	return nil
}

// StartsPartition says whether the boot sector of the deployed partition must start it: the disk is to boot, and nothing of the image can
// be mounted to put a boot loader there. Only a raw image has such a sector.
func (f Facts) StartsPartition() bool {
	return f.Bootloader == chainloadPXE && f.ImageKind == imageDD && !f.WholeDevice && !f.mountable()
}

// mountable says whether the deployment system can mount the target; of an image of a whole disk nobody says which partition it would be.
func (f Facts) mountable() bool {
	return !f.WholeDevice && f.Filesystem != "" && slices.Contains(f.SupportedFS, f.Filesystem)
}

// spare says whether a partition exists beside the deployed one.
func (f Facts) spare(part string) bool {
	return part != "" && part != "none" && part != f.DeployPart && !f.WholeDevice && !f.Multipart
}
