package config_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

var _ = Describe("Load", func() {
	Context("with a site in the syntax of 2009", Ordered, func() {
		var (
			dir  string
			site *config.Snapshot
		)
		BeforeAll(func() {
			var err error
			dir, err = filepath.Abs(filepath.Join(fixtures, "classic"))
			Expect(err).NotTo(HaveOccurred())
			site = loaded(config.Load(filepath.Join(fixtures, "classic")))
		})

		It("lists the nodes in the order of nodes.conf, ranges expanded", func() {
			var names []string
			for _, n := range site.Nodes {
				names = append(names, n.Name+" "+n.Addr.String()+" "+n.Cluster)
			}
			Expect(names).To(Equal([]string{
				"blue-01.lab 10.8.1.1 blue", "blue-02.lab 10.8.1.2 blue", "blue-03.lab 10.8.1.3 blue",
				"blue-04.lab 10.8.1.4 blue", "red-1 127.10.0.1 red",
			}))
			Expect(site.Clusters()).To(Equal([]string{"blue", "red"}))
			Expect(node(site, "blue-01.lab").ShortName()).To(Equal("blue-01"))
			Expect(node(site, "red-1").ShortName()).To(Equal("red-1"))
		})

		It("reads the parameters of the daemon", func() {
			Expect(site.Dir).To(Equal(dir))
			Expect(site.Global).To(Equal(config.Global{
				Server: "localhost:25310", AgentsListen: "127.0.0.1:25311", AgentReconnect: 5 * time.Minute, TFTPListen: "127.0.0.1:25369", DHCP: config.DHCP{Mode: "off"},
				StateDir: dir + "/var", TFTPRoot: dir + "/var/tftp", ImagesPath: dir + "/var/tftp/kernels",
				ProfilePath: dir + "/var/tftp/pxelinux.cfg", ProfileName: "ip_hex", LocalSocket: dir + "/var/kadeploy.sock", LogFile: dir + "/var/kadeploy-server.log",
				CacheDir: dir + "/var/cache", CacheSize: 200 << 20, RebootWindow: 4,
				RebootCommandTimeout: 2500 * time.Millisecond, ProbeInterval: 300 * time.Millisecond,
				MinNodes: "75%", Grace: 10 * time.Second, ChainRate: 100 << 20, ChainRateTotal: 1_000_000_000, ChainStall: 1500 * time.Millisecond, MaxPreinstall: 20 << 20, MaxPostinstall: 1 << 20,
				ImageRoots: []string{"/srv/images", "/grid/images"}, ImageCache: dir + "/var/image_cache", ImageCacheSize: 64 << 30, UploadDir: "/srv/uploads", UploadMax: 100 << 30, UploadMaxUser: 2 << 30, UploadMaxFile: 16 << 30,
				Database: "sqlite:" + dir + "/var/kadeploy.db", HistoryKeep: 365 * 24 * time.Hour, StatisticsKeep: 5 * 365 * 24 * time.Hour,
				AlmightyUsers: []string{"root", "operator"},
			}))
		})

		It("reads the settings of a cluster", func() {
			Expect(node(site, "blue-01.lab").Settings).To(Equal(config.Settings{
				DeployKernel: "vmlinuz-dep", DeployInitrd: []string{"initrd-dep.gz"}, DeployKernelArgs: "console=ttyS0,115200 rw",
				PXEKind: "pxelinux", Firmware: "bios",
				BlockDevice: "/dev/sda", DeployPart: "3", ProdPart: "2", TmpPart: "5",
				PartitionKind: "fdisk", PartitionFile: dir + "/partition_file_blue", SupportedFS: []string{"ext2", "ext3", "ext4", "vfat"},
				MkfsOptions: map[string]string{"ext3": "-m 0", "ext4": "-O ^metadata_csum"},
				Drivers:     []string{"e1000", "ahci", "nvme"}, Bootloader: "pure_pxe",
				PostInstall: []config.Archive{
					{Path: dir + "/fixes.tgz", Compression: "gzip", Script: "go.sh /rambin"},
					{Path: "http://img.lab/keys.tbz2", Compression: "bzip2", Script: "none"},
				},
				TimeoutReboot: 240 * time.Second, TimeoutRebootKexec: time.Minute, FirstProbe: 20 * time.Second,
				SSHPort: 22, MarkerPort: 25300, ChainPort: 25303, ChainRing: 128 << 20, SlowDisk: 5 * time.Second, ExtractionDir: "/mnt/dest", RambinDir: "/rambin",
				Macrosteps: map[workflow.Macro][]workflow.Spec{
					workflow.SetDeploymentEnv: {{Name: "Prod", Tries: 1, Timeout: 120 * time.Second}, {Name: "Untrusted", Tries: 2, Timeout: 400 * time.Second}},
					workflow.BroadcastEnv:     {{Name: "Chain", Tries: 2, Timeout: 500 * time.Second}},
					workflow.BootNewEnv:       {{Name: "Kexec", Tries: 1, Timeout: 150 * time.Second}, {Name: "HardReboot", Tries: 1, Timeout: 350 * time.Second}},
				},
				StepRetries: map[workflow.Micro]int{workflow.FormatDeployPart: 1, workflow.MountDeployPart: 2},
				Power:       "command",
				Control:     config.Control{CipherSuites: []int{17, 3}, ShutdownTime: 120 * time.Second},
				Commands: map[string]config.Command{
					"reboot_soft":      {Argv: []string{"ssh", "-o", "BatchMode=yes", "root@HOSTNAME_FQDN", "reboot"}},
					"reboot_hard":      {Argv: []string{"ipmi-cycle", "HOSTNAME_SHORT"}, Group: dir + "/pdu.groups"},
					"reboot_very_hard": {Argv: []string{"pdu", "one", "two"}}, // from the file cmd
					"console":          {Argv: []string{"conman", "HOSTNAME_SHORT"}},
				},
				Sandbox: config.Sandbox{BootDelay: 200 * time.Millisecond},
			}))
		})

		It("lets one node differ from its cluster", func() {
			odd := node(site, "blue-04.lab")
			Expect(odd.MAC.String()).To(Equal("52:54:00:00:00:04"))
			Expect(odd.DeployDevice()).To(Equal("/dev/sda6"))
			Expect(odd.KernelParams).To(Equal("console=ttyS1 quiet"))
			Expect([]string{odd.Switch, odd.Rack}).To(Equal([]string{"sw-2", "r3"}))
			Expect(odd.TmpPart).To(Equal("5"))
			Expect(node(site, "blue-03.lab").Commands["reboot_hard"].Argv).To(Equal([]string{"ipmi-cycle", "--slow", "blue-03"}))
			Expect(node(site, "blue-03.lab").Commands["reboot_very_hard"].Argv).To(Equal([]string{"sh", "-c", "pdu-cycle HOSTNAME_SHORT | logger"}))
		})

		It("describes machines without hardware", func() {
			red := node(site, "red-1")
			Expect(red.Power).To(Equal("sandbox"))
			Expect(red.DeployInitrd).To(Equal([]string{"a.gz", "b.gz"}))
			Expect(red.DeployKernelArgs).To(Equal("quiet"))
			Expect(red.TimeoutReboot).To(Equal(20 * time.Second)) // 20 + 15*log(1)
			Expect([]string{red.DeployDevice(), red.SwapDevice(), red.TmpPart}).To(Equal([]string{"/dev/nvme0n1p1", "/dev/nvme0n1p2", ""}))
			Expect(red.Sandbox).To(Equal(config.Sandbox{
				BootDelay: 50 * time.Millisecond, DiskSize: 64 << 20, InProcess: true, Seed: 42,
				Faults: []config.Fault{
					{Kind: "boot-fails", Arg: "1", Probability: 0.5},
					{Kind: "disk-full", Arg: "32MiB", Probability: 1},
					{Kind: "agent-crash", Arg: "send_environment", Probability: 1},
				},
			}))
		})

		It("has the automata of Kadeploy3 where none is configured", func() {
			Expect(node(site, "red-1").Macrosteps).To(Equal(map[workflow.Macro][]workflow.Spec{
				workflow.SetDeploymentEnv: {{Name: "Untrusted", Tries: 3, Timeout: 200 * time.Second}},
				workflow.BroadcastEnv:     {{Name: "Kascade", Tries: 3, Timeout: 300 * time.Second}},
				workflow.BootNewEnv:       {{Name: "Classical", Tries: 1, Timeout: 150 * time.Second}, {Name: "HardReboot", Tries: 2, Timeout: 120 * time.Second}},
			}))
		})
	})

	It("makes the same model of the same site in HCL", func() {
		dir := GinkgoT().TempDir()
		Expect(os.CopyFS(dir, os.DirFS(filepath.Join(fixtures, "classic")))).To(Succeed())
		classic := loaded(config.Load(dir))
		for _, pattern := range []string{"*.conf", "cmd"} {
			names, err := filepath.Glob(filepath.Join(dir, pattern))
			Expect(err).NotTo(HaveOccurred())
			for _, name := range names {
				Expect(os.Remove(name)).To(Succeed())
			}
		}
		hcl := GinkgoT().TempDir()
		Expect(os.CopyFS(hcl, os.DirFS(filepath.Join(fixtures, "hcl")))).To(Succeed())
		names, err := filepath.Glob(filepath.Join(hcl, "*.hcl"))
		Expect(err).NotTo(HaveOccurred())
		Expect(names).To(HaveLen(4))
		for _, name := range names {
			Expect(os.Rename(name, filepath.Join(dir, filepath.Base(name)))).To(Succeed())
		}

		site := loaded(config.Load(dir))
		Expect(site.Global).To(Equal(classic.Global))
		Expect(site.Nodes).To(Equal(classic.Nodes))
	})

	It("has the defaults of Kadeploy3 and its own on an empty deploy.conf", func() {
		dir := minimal().write()
		site := loaded(config.Load(dir))
		Expect(site.Global).To(Equal(config.Global{
			Server: "127.0.0.1:25300", AgentsListen: "127.0.0.1:25301", AgentReconnect: 5 * time.Minute, TFTPListen: "127.0.0.1:6969", DHCP: config.DHCP{Mode: "off"},
			StateDir: dir + "/var", TFTPRoot: dir + "/var/tftp", ImagesPath: dir + "/var/tftp/kernels",
			ProfilePath: dir + "/var/tftp/pxelinux.cfg", ProfileName: "ip_hex", LocalSocket: dir + "/var/kadeploy.sock", LogFile: dir + "/var/kadeploy-server.log",
			CacheDir: dir + "/var/cache", CacheSize: 10 << 30, RebootWindow: 50, RebootCommandTimeout: 30 * time.Second,
			ProbeInterval: time.Second, Grace: 10 * time.Second, ChainStall: 2 * time.Second, MaxPreinstall: 20 << 20, MaxPostinstall: 20 << 20,
			ImageCache: dir + "/var/image_cache", ImageCacheSize: 64 << 30, UploadDir: dir + "/var/uploads", UploadMax: 64 << 30, UploadMaxUser: 16 << 30, UploadMaxFile: 16 << 30,
			Database: "sqlite:" + dir + "/var/kadeploy.db", HistoryKeep: 365 * 24 * time.Hour, StatisticsKeep: 5 * 365 * 24 * time.Hour,
			AlmightyUsers: []string{"root"},
		}))
		n := node(site, "n1")
		Expect(n.TimeoutReboot).To(Equal(2 * time.Minute))
		Expect(n.FirstProbe).To(Equal(20 * time.Second))
		Expect(n.PartitionFile).To(BeEmpty())
	})

	It("makes relative paths absolute from the configuration directory", func() {
		f := minimal().and("deploy.conf", "state_dir = ../run\ntftp_repository = /srv/tftp\ntftp_images_path = k\nlog_to_file = k.log\nkadeploy_cache_dir = no_cache")
		dir := f.write()
		g := loaded(config.Load(dir)).Global
		run := filepath.Join(filepath.Dir(dir), "run")
		Expect([]string{g.StateDir, g.TFTPRoot, g.ImagesPath, g.LogFile, g.CacheDir}).To(Equal(
			[]string{run, "/srv/tftp", "/srv/tftp/k", dir + "/k.log", run + "/cache"}))
	})

	Context("when a key is set in several files", func() {
		It("lets the most specific win: global, cluster, node", func() {
			site := minimal().
				and("deploy.conf", "ssh_port = 1\nchain_port = 1\nkernel_params = global").
				and("cluster-c.conf", "chain_port = 2\nkernel_params = cluster").
				and("nodes.conf", "n3 127.1.0.3 c kernel_params=node").load()
			n := node(site, "n3")
			Expect([]any{n.SSHPort, n.ChainPort, n.KernelParams}).To(Equal([]any{1, 2, "node"}))
			Expect(node(site, "n1").KernelParams).To(Equal("cluster"))
		})

		It("replaces only the macro-steps that the more specific file names", func() {
			site := minimal().
				and("deploy.conf", "macrostep = BroadcastEnv|Chain:1:10\nmacrostep = BootNewEnv|HardReboot:1:200").
				and("cluster-c.conf", "macrostep = BroadcastEnv|Tree:2:20\nmacrostep = BroadcastEnv|Kascade:3:30").load()
			steps := node(site, "n1").Macrosteps
			Expect(steps[workflow.BroadcastEnv]).To(Equal([]workflow.Spec{{Name: "Tree", Tries: 2, Timeout: 20 * time.Second}, {Name: "Kascade", Tries: 3, Timeout: 30 * time.Second}}))
			Expect(steps[workflow.BootNewEnv]).To(Equal([]workflow.Spec{{Name: "HardReboot", Tries: 1, Timeout: 200 * time.Second}}))
			Expect(steps[workflow.SetDeploymentEnv]).To(Equal([]workflow.Spec{{Name: "Untrusted", Tries: 3, Timeout: 200 * time.Second}}))
		})

		It("replaces the lists of drivers and faults as a whole", func() {
			site := minimal().
				and("deploy.conf", "drivers = a\nsandbox_fault = never-boots").
				and("nodes.conf", "n3 127.1.0.3 c drivers=b drivers=c sandbox_fault=slow-boot:2").load()
			Expect(node(site, "n3").Drivers).To(Equal([]string{"b", "c"}))
			Expect(node(site, "n3").Sandbox.Faults).To(Equal([]config.Fault{{Kind: "slow-boot", Arg: "2", Probability: 1}}))
			Expect(node(site, "n1").Sandbox.Faults).To(Equal([]config.Fault{{Kind: "never-boots", Probability: 1}}))
		})

		It("does not let a node's values reach its neighbours", func() {
			site := minimal().and("nodes.conf", "n3 127.1.0.3 c cmd_console=screen\nn4 127.1.0.4 c").load()
			Expect(node(site, "n3").Commands).To(HaveKey("console"))
			Expect(node(site, "n4").Commands).To(BeEmpty())
			Expect(node(site, "n1").Commands).To(BeEmpty())
		})
	})

	It("reads files written on other systems: CR LF and a byte order mark", func() {
		f := minimal()
		f["deploy.conf"] = "\xef\xbb\xbfssh_port = 2200\r\nkernel_params = quiet\r\n"
		n := node(f.load(), "n1")
		Expect(n.SSHPort).To(Equal(2200))
		Expect(n.KernelParams).To(Equal("quiet"))
	})

	It("takes any blanks round the first = and the rest of the line as it is", func() {
		n := node(minimal().and("cluster-c.conf", "\t kernel_params=root=/dev/sda3  # x ; %(y)s ${HOME} \\n  ").load(), "n1")
		Expect(n.KernelParams).To(Equal(`root=/dev/sda3  # x ; %(y)s ${HOME} \n`))
	})

	It("knows every spelling of the kinds of commands in cmd", func() {
		site := minimal().and("cmd", "n1|reboot_soft_ssh|a\nn1 | reboot_veryhard | b 'c | d'\nn1|cmd_hard_reboot|e\n"+
			"n1|power_on_veryhard|f\nn1|power_status|g\nn1|console|h\nn1|cmd_soft_power_off|i\nn1|reboot_soft_rsh|x\n\n # note").load()
		Expect(node(site, "n1").Commands).To(Equal(map[string]config.Command{
			"reboot_soft": {Argv: []string{"a"}}, "reboot_very_hard": {Argv: []string{"b", "c | d"}}, "reboot_hard": {Argv: []string{"e"}},
			"power_on_very_hard": {Argv: []string{"f"}}, "power_status": {Argv: []string{"g"}}, "console": {Argv: []string{"h"}},
			"power_off_soft": {Argv: []string{"i"}},
		}))
		Expect(node(site, "n2").Commands).To(BeEmpty())
	})

	It("finds nodes by their exact name", func() {
		site := minimal().load()
		_, found := site.Node("N1")
		Expect(found).To(BeFalse())
		Expect(netip.MustParseAddr("127.1.0.2")).To(Equal(node(site, "n2").Addr))
	})

	It("evaluates HCL expressions for each node", func() {
		GinkgoT().Setenv("KADEPLOY_TEST_ZONE", "zone9")
		f := minimal().without("cluster-c.conf")
		f["args.txt"] = "splash"
		f["cluster-c.hcl"] = `
power = "sandbox"
deploy_kernel = "vmlinuz"
deploy_initrd = "initrd"
block_device = "/dev/sda"
deploy_part = "3"
kernel_params = "host=${node.short} ip=${node.address} c=${cluster.name} ${env("KADEPLOY_TEST_ZONE")} ${file("args.txt")}"
`
		site := f.load()
		Expect(node(site, "n1").KernelParams).To(Equal("host=n1 ip=127.1.0.1 c=c zone9 splash"))
		Expect(node(site, "n2").KernelParams).To(Equal("host=n2 ip=127.1.0.2 c=c zone9 splash"))
	})

	It("reads one group of nodes with computed macro-steps and commands in HCL", func() {
		f := minimal().without("nodes.conf")
		f["groups"] = "n1,n2"
		f["nodes.hcl"] = `
node "n[1-2]" {
  cluster = "c"
  address = "127.1.0.${node.index + 1}"
  cmd_console = ["screen", node.name]
  command "reboot_hard" {
    argv  = ["cycle", node.address]
    group = "groups"
  }
  macrostep "BroadcastEnv" {
    instance "Chain" {
      tries = node.index + 1
    }
  }
  sandbox {
    seed = 7
  }
}
`
		dir := f.write()
		site := loaded(config.Load(dir))
		n := node(site, "n2")
		Expect(n.Commands["console"].Argv).To(Equal([]string{"screen", "n2"}))
		Expect(n.Commands["reboot_hard"]).To(Equal(config.Command{Argv: []string{"cycle", "127.1.0.2"}, Group: dir + "/groups"}))
		Expect(n.Macrosteps[workflow.BroadcastEnv]).To(Equal([]workflow.Spec{{Name: "Chain", Tries: 2}}))
		Expect(node(site, "n1").Macrosteps[workflow.BroadcastEnv][0].Tries).To(Equal(1))
		Expect(n.Sandbox.Seed).To(Equal(uint64(7)))
	})

	It("checks the environment that kadeploy start deploys", func() {
		f := minimal().and("deploy.conf", "environment = demo.env")
		f["demo.env"] = "name: demo\n"
		Expect(f.problems()).To(And(ContainSubstring("demo.env: error: os is missing"), ContainSubstring("image.file is missing")))
	})

	It("loads ten thousand nodes", func() {
		f := minimal()
		f["nodes.conf"] = "n[1-10000] 127.[1-40].0.[1-250] c\n"
		Expect(f.load().Nodes).To(HaveLen(10_000))
	})
})
