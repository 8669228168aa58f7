// Package config turns the configuration directory (deploy.conf, cluster-NAME.conf, nodes.conf, in the classic
// syntax of 2009 or in HCL) and environment descriptions into one immutable, typed model.
//
// Load reads a directory and ParseEnvironment a description; both report every problem at once, with its place and what
// would be right. A value of a Snapshot is never changed after Load returned it: share it between goroutines freely, and
// do not write to the maps and lists of a node, which it may share with its cluster.
//
// The keys are those of Kadeploy3 from 2009 to 2012 and some of our own; schema.go tells how their table is made, the
// files keys_*.go hold it. The package reads files and asks the environment (HCL's env) but changes nothing, opens no
// socket and runs nothing. Whether a kernel, an image or a directory of the daemon is there is left to who uses it.
package config

import (
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/blockdev"
	"github.com/kadeploy/kadeploy/internal/disklayout"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// Snapshot is one valid reading of a configuration directory.
type Snapshot struct {
	Dir    string  // absolute path of the directory
	Global Global  // what concerns the daemon as a whole
	Nodes  []*Node // in the order of nodes.conf

	byName  map[string]*Node
	origins map[string]origin // by node name
	schema  *schema
}

// Global holds the parameters of the daemon itself. Paths are absolute.
type Global struct {
	Server       string // kadeploy_server:kadeploy_server_port, the remote API
	AgentsListen string // agents_listen, where node agents call home (host:port)
	TFTPListen   string // tftp_listen (host:port)
	HTTPListen   string // http_listen (host:port), of kernels, profiles and loaders; "": off
	HTTPURL      string // http_url, what nodes call it, no slash at its end; "" when nobody can know
	DHCP         DHCP

	StateDir    string // state_dir: pid, log, cache, boot files, sandbox disks; default DIR/var
	TFTPRoot    string // tftp_repository; default STATE/tftp
	ImagesPath  string // tftp_images_path, absolute and below TFTPRoot: kernels and initrds
	ProfilePath string // tftp_cfg, absolute and below TFTPRoot: boot profiles
	ProfileName string // pxe_profile_name: ip_hex (default), ip, mac, hostname, hostname_short, uuid
	LocalSocket string // local_socket; default STATE/kadeploy.sock
	LogFile     string // log_to_file; default STATE/kadeploy-server.log
	CacheDir    string // kadeploy_cache_dir; default STATE/cache
	CacheSize   int64  // bytes

	RebootWindow         int           // reboots under way at once, over all deployments
	RebootCommandTimeout time.Duration // one power command
	ProbeInterval        time.Duration // between two probes of a booting node

	AgentReconnect time.Duration // agent_reconnect: how long an agent whose connection broke calls again; 0: not at all

	Environment string        // environment: description deployed by `kadeploy start`, "" for none
	MinNodes    string        // minnodes: "" (all), a count or a percentage; default for requests that name none
	Grace       time.Duration // broadcast_grace: how long a full quorum waits for the late before the chain starts

	ChainRate      int64         // chain_rate: bytes a second of one broadcast; 0: no limit
	ChainRateTotal int64         // chain_rate_total: of all broadcasts together; 0: no limit
	ChainStall     time.Duration // chain_stall: silence after which a link is taken for dead

	ImageRoots     []string // image_roots: directories whose files everybody's descriptions may name
	ImageURLs      []string // image_urls: below which everybody's descriptions may name files; see MayFetch
	ImageCache     string   // image_cache: what was fetched; default STATE/image_cache
	ImageCacheSize int64    // bytes

	UploadDir     string // upload_dir: what users have uploaded; default STATE/uploads
	UploadMax     int64  // bytes of all uploads
	UploadMaxUser int64  // bytes of one user's
	UploadMaxFile int64  // bytes of one file

	Database       string        // database: sqlite:/PATH or postgres://USER@HOST/DATABASE
	HistoryKeep    time.Duration // history_keep: of operations that have ended; 0: for ever
	StatisticsKeep time.Duration // statistics_keep: of the counts of days and months; 0: for ever

	MaxPreinstall  int64 // bytes of one preinstall archive
	MaxPostinstall int64
	AlmightyUsers  []string
	Admins         []string // admins: beside root and the daemon's own user
}

// DHCP is how the daemon answers machines that ask for an address or for what to boot.
type DHCP struct {
	Mode      string // off, proxy or full
	Interface string
	Router    netip.Addr // zero: none
	DNS       []netip.Addr
}

// TFTPName is the name that firmware asks the TFTP server by, for a path below TFTPRoot.
func (g *Global) TFTPName(path string) string {
	rel, err := filepath.Rel(g.TFTPRoot, path)
	if err != nil { // both are absolute: it cannot happen
		return path
	}
	return filepath.ToSlash(rel)
}

// Node is one machine with the settings in force for it (global < cluster < node).
type Node struct {
	Name    string
	Addr    netip.Addr
	MAC     net.HardwareAddr // nil when unknown
	Cluster string
	Settings
}

// ShortName is the node's name up to the first dot.
func (n *Node) ShortName() string {
	for i, c := range n.Name {
		if c == '.' {
			return n.Name[:i]
		}
	}
	return n.Name
}

// Settings are the parameters that a cluster or a single node may redefine.
type Settings struct {
	DeployKernel     string   // deploy_kernel: file below ImagesPath
	DeployInitrd     []string // deploy_initrd, first word
	DeployKernelArgs string   // the rest of deploy_initrd, then deploy_kernel_args

	PXEKind       string // pxelinux, ipxe or grub
	Firmware      string // bios or uefi
	UUID          string // of the firmware, lower case; "" when unknown
	NFSRootKernel string // file below ImagesPath; "" for no deployment system over NFS
	NFSRootParams string

	BlockDevice string // /dev/sda; how else a disk is written says internal/blockdev
	DeployPart  string // suffix: "3", also "p3" or "-part3"; the device is blockdev.Partition of both. Of a layout, also a device: /dev/vg0/root
	ProdPart    string
	TmpPart     string
	SwapPart    string // "" when none

	PartitionKind string             // fdisk, parted, sfdisk or layout
	PartitionFile string             // absolute path; "" when the node has none
	Layout        *disklayout.Layout // what PartitionFile holds, of kind layout; nil otherwise
	SupportedFS   []string
	MkfsOptions   map[string]string // file system -> options
	Drivers       []string
	KernelParams  string // for the deployed system
	Bootloader    string // pure_pxe (kernel of the image by the network) or chainload_pxe

	BootloaderScript string // file of the server that installs the boot loader of chainload_pxe; "": ours is

	PreInstall  []Archive
	PostInstall []Archive

	TimeoutReboot      time.Duration // classical, inside wait_reboot
	TimeoutRebootKexec time.Duration
	FirstProbe         time.Duration // sleep_time_before_ping

	SSHPort       int
	MarkerPort    int // test_deploy_env_port: open in the deployment system only
	ChainPort     int
	ExtractionDir string // mount point of the target on the node
	RambinDir     string // where pre- and post-install archives are unpacked on the node

	ChainRing    int64         // bytes kept for the next node of the chain
	SlowDisk     time.Duration // chain_slow_disk: how long the node's disk may hold up the chain; 0: for ever
	ChainTLS     bool
	PhoneHome    bool   // phone_home: the deployed system itself says which image it is, or the node is not OK
	VerifyImage  bool   // verify_image: dd images are read back from the disk and compared
	Switch, Rack string // where the node is in the network; "": not known

	Macrosteps  map[workflow.Macro][]workflow.Spec // instances in order
	StepRetries map[workflow.Micro]int             // extra tries in place (retries = format_deploy_part:1,...)

	Power    string             // driver: command, ipmi, redfish, ssh or sandbox
	Control  Control            // what the drivers other than command need
	Commands map[string]Command // "reboot_soft", "reboot_hard", "reboot_very_hard", "power_on_soft", ..., "power_status", "console"

	Sandbox Sandbox
}

// DeployDevice names the device of the target partition.
func (s *Settings) DeployDevice() string { return s.device(s.DeployPart) }

// TmpDevice names the device of the scratch partition.
func (s *Settings) TmpDevice() string { return s.device(s.TmpPart) }

// SwapDevice names the swap device, "" when there is none.
func (s *Settings) SwapDevice() string {
	if s.SwapPart == "" {
		return ""
	}
	return s.device(s.SwapPart)
}

func (s *Settings) device(part string) string {
	if strings.HasPrefix(part, "/") {
		return part
	}
	return blockdev.Partition(s.BlockDevice, part)
}

// Command is the argument vector of a power or console command with HOSTNAME_FQDN and HOSTNAME_SHORT still in it,
// and the file of node groups it acts on, "" for a command of one node.
type Command struct {
	Argv  []string
	Group string
}

// Control is how a machine's power is reached without a command of the site.
type Control struct {
	Address      string // bmc_address: HOST[:PORT], for redfish also https://HOST[:PORT][/redfish/v1/Systems/ID]; HOSTNAME_SHORT still in it
	Credentials  string // bmc_credentials: absolute path of the file of logins; "": the environment
	CipherSuites []int  // ipmi_cipher, in the order to try
	CA           string // redfish_ca: absolute path of PEM certificates; "": those of the system
	BootOverride bool   // boot_override = pxe: the controller is told to boot the deployment system from the network

	SoftBySSH     bool   // soft_reboot = ssh
	SSHKey        string // ssh_key: absolute path of root's private key
	SSHKnownHosts string // ssh_known_hosts: absolute path of the nodes' public keys

	ShutdownTime time.Duration // shutdown_timeout: for an operating system that is to switch off by itself

	Circuit string // power_circuit: what Limit counts by; "": the cluster
	Limit   int    // power_limit: operations at once on a circuit; 0: as many as the reboot window has
}

// NoLogin says what is missing for logging in to the node, "needs ssh_key and ssh_known_hosts"; "": nothing.
func (c *Control) NoLogin() string {
	var keys []string
	if c.SSHKey == "" {
		keys = append(keys, "ssh_key")
	}
	if c.SSHKnownHosts == "" {
		keys = append(keys, "ssh_known_hosts")
	}
	if keys == nil {
		return ""
	}
	return "needs " + strings.Join(keys, " and ")
}

// Archive is a pre- or post-install: a tar file on the server and what to run of it.
type Archive struct {
	Path        string // absolute path or URL
	Compression string // name for compress.Open: gzip, bzip2, xz, zstd, none
	Script      string // path in the archive with its arguments; "none": only unpacked; "breakpoint": unpacked, then the node stops
}

// Sandbox describes a node without hardware (power = sandbox).
type Sandbox struct {
	BootDelay time.Duration // firmware and kernel; default 200 ms
	DiskSize  int64         // bytes; 0 unlimited
	InProcess bool          // the agent is a goroutine of the daemon instead of a process of its own
	Seed      uint64
	Faults    []Fault
}

// Fault is one seeded misbehaviour of a sandbox node: KIND[:ARG][@PROBABILITY].
//
//	boot-fails:N       the first N boots hang in the firmware
//	never-boots        every boot hangs
//	disk-full:SIZE     the disk holds SIZE bytes
//	agent-crash:STEP   the agent is killed when it enters the micro-step, the first time only
//	slow-disk:RATE     the disk takes RATE bytes a second
//	slow-boot:SECONDS  every boot takes that much longer
//	never-calls        the deployed system does not say which image it is (phone_home)
//	hung-order:STEP    the agent never answers the order of this micro-step, the first time only
type Fault struct {
	Kind        string
	Arg         string
	Probability float64 // 1 when not given; drawn once per node from Seed and its name
}
