package config_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
)

var _ = Describe("ParseMinNodes", func() {
	DescribeTable("counts the nodes that must succeed",
		func(text string, total, want int) {
			Expect(config.ParseMinNodes(text, total)).To(Equal(want))
		},
		Entry("nothing: all", "", 8, 0),
		Entry("a count", "7", 8, 7),
		Entry("all of them", " 8 ", 8, 8),
		Entry("a percentage", "50%", 8, 4),
		Entry("a percentage rounded up", "90%", 8, 8),
		Entry("a small percentage of few", "1%", 3, 1),
		Entry("every node", "100%", 1000, 1000),
	)
	DescribeTable("refuses what cannot be fulfilled",
		func(text, problem string) {
			_, err := config.ParseMinNodes(text, 8)
			Expect(err).To(MatchError(ContainSubstring(problem)))
		},
		Entry("more than there are", "9", "more than there are nodes (8)"),
		Entry("no node", "0", "at least one"),
		Entry("less than none", "-1", "at least one"),
		Entry("no percentage", "0%", "at least one"),
		Entry("more than all", "101%", "more than all"),
		Entry("half a node", "1.5", "neither a count"),
		Entry("words", "most", "neither a count"),
	)
})

var _ = Describe("timeout_reboot_classical", func() {
	DescribeTable("is a time or an expression of n, computed for one node",
		func(text string, want time.Duration) {
			site := minimal().and("cluster-c.conf", "timeout_reboot_classical = "+text+"\nmacrostep = BootNewEnv|Dummy:1:0\nmacrostep = SetDeploymentEnv|Dummy:1:0").load()
			Expect(node(site, "n1").TimeoutReboot).To(Equal(want))
		},
		Entry("seconds", "240", 240*time.Second),
		Entry("decimals", "0.3", 300*time.Millisecond),
		Entry("a duration", "2m30s", 150*time.Second),
		Entry("the manual's example", "200 + 150*log(n)", 200*time.Second),
		Entry("in Ruby", "200+150*Math.log(n)", 200*time.Second),
		Entry("in Ruby with colons", "200+150*Math::log( n )", 200*time.Second),
		Entry("precedence", "2 + 3 * 4 - 6 / 2", 11*time.Second),
		Entry("from left to right", "100 - 10 - 1", 89*time.Second),
		Entry("parentheses", "(2 + 3) * (4 - -1)", 25*time.Second),
		Entry("functions", "max(sqrt(16), min(9, n)) + ln(1) + - 1", 3*time.Second),
		Entry("a fraction", "n / 2", 500*time.Millisecond),
	)
	DescribeTable("refuses what has no value",
		func(text, problem string) {
			Expect(minimal().and("deploy.conf", "timeout_reboot = "+text).problems()).To(ContainSubstring(problem))
		},
		Entry("nothing", "", "is missing"),
		Entry("a logarithm of nothing", "log(0)", "has no value"),
		Entry("less than no time", "1 - 2", "not between 0 and a year"),
		Entry("more than a year", "1000000*1000000", "not between 0 and a year"),
		Entry("two arguments too many", "log(1, 2)", "log takes one argument"),
		Entry("a function without end", "log(1", `")" is missing`),
		Entry("other code", "`reboot`", "is missing"),
		Entry("too long to be meant", strings.Repeat("(", 1000), "longer than 500 characters"),
		Entry("deep", strings.Repeat("(", 400), "is missing"),
	)
})

var _ = Describe("macrostep", func() {
	It("warns of a Dummy beside other instances, and of none that is alone", func() {
		_, diagnostics := config.Load(minimal().and("cluster-c.conf", "macrostep = BroadcastEnv|BroadcastEnvChain:1:400,BroadcastEnvDummy:1:0").write())
		Expect(diagnostics).To(ConsistOf(And(
			HaveField("Severity", config.Warning), HaveField("Summary", ContainSubstring("BroadcastEnvDummy is skipped: it does nothing")))))
		_, diagnostics = config.Load(minimal().and("cluster-c.conf", "macrostep = BroadcastEnv|BroadcastEnvChain:0:400,BroadcastEnvDummy:1:0").write())
		Expect(diagnostics).To(BeEmpty())
	})
})

var _ = Describe("kadeploy_server and agents_listen", func() {
	DescribeTable("are addresses",
		func(line string) {
			Expect(minimal().and("deploy.conf", line).load()).NotTo(BeNil())
		},
		Entry("by name", "kadeploy_server = localhost"),
		Entry("any of 127/8", "kadeploy_server = 127.9.8.7"),
		Entry("of IPv6", "kadeploy_server = ::1"),
		Entry("all addresses", "kadeploy_server = 0.0.0.0"),
		Entry("an address of others", "kadeploy_server = 10.0.0.1"),
		Entry("a name", "kadeploy_server = deploy.lab"),
		Entry("agents", "agents_listen = [::1]:0"),
		Entry("agents by name", "agents_listen = localhost:25301"),
		Entry("agents at an address of others", "agents_listen = 10.0.0.1:25301"),
		Entry("agents at every address", "agents_listen = 0.0.0.0:25301"),
		Entry("agents at every address, by omission", "agents_listen = :25301"),
		Entry("agents at a name of others", "agents_listen = deploy.lab:25301"),
	)
	DescribeTable("refuse what is no address of a host",
		func(line string) {
			Expect(minimal().and("deploy.conf", line).problems()).To(ContainSubstring("is neither a name nor an address"))
		},
		Entry("nothing", "kadeploy_server ="),
		Entry("a URL", "kadeploy_server = https://ka.example.org"),
		Entry("a user there", "kadeploy_server = root@ka.example.org"),
	)
	It("cannot be the same", func() {
		Expect(minimal().and("deploy.conf", "agents_listen = 127.0.0.1:25300").problems()).To(ContainSubstring("is the address of the remote API"))
	})
	It("may both leave the port to the system", func() {
		g := minimal().and("deploy.conf", "agents_listen = 127.0.0.1:0\nkadeploy_server_port = 0").load().Global
		Expect([]string{g.AgentsListen, g.Server}).To(Equal([]string{"127.0.0.1:0", "127.0.0.1:0"}))
	})
	It("do not bind the TFTP server, which firmware must reach", func() {
		Expect(minimal().and("deploy.conf", "tftp_listen = 0.0.0.0:69").load().Global.TFTPListen).To(Equal("0.0.0.0:69"))
	})
})

var _ = Describe("Sizes", func() {
	DescribeTable("are MiB where Kadeploy3 had MB, or carry their unit",
		func(text string, bytes int) {
			Expect(minimal().and("deploy.conf", "kadeploy_cache_size = "+text).load().Global.CacheSize).To(BeEquivalentTo(bytes))
		},
		Entry(nil, "200", 200<<20), Entry(nil, "0", 0), Entry(nil, "1B", 1), Entry(nil, "2 kB", 2000), Entry(nil, "3MB", 3_000_000),
		Entry(nil, "4GB", 4_000_000_000), Entry(nil, "5TB", 5_000_000_000_000), Entry(nil, "6KiB", 6<<10), Entry(nil, "7MiB", 7<<20),
		Entry(nil, "8GiB", 8<<30), Entry(nil, "1TiB", 1<<40),
	)
	DescribeTable("refuse what is no size",
		func(text, problem string) {
			Expect(minimal().and("deploy.conf", "kadeploy_cache_size = "+text).problems()).To(ContainSubstring(problem))
		},
		Entry("nothing", "", "is not a size"), Entry("a fraction", "1.5GiB", "is not a size"), Entry("less than nothing", "-1MiB", "out of range"),
		Entry("more than can be counted", "9223372036854775807TiB", "out of range"), Entry("an old unit", "1M", "unknown unit"),
	)
})

var _ = Describe("deploy_kernel and deploy_initrd", func() {
	DescribeTable("are files below tftp_images_path",
		func(line, problem string) {
			Expect(minimal().and("cluster-c.conf", line).problems()).To(ContainSubstring(problem))
		},
		Entry("no kernel", "deploy_kernel =", "a file name is missing"),
		Entry("no initrd", "deploy_initrd =", "a file name is missing"),
		Entry("a hole between initrds", "deploy_initrd = a,,b", "a file name is missing"),
		Entry("a path of the server", "deploy_kernel = /boot/vmlinuz", "not a file below"),
		Entry("two words", "deploy_kernel = a b", "not a file below"),
	)
	It("have names that firmware can ask for", func() {
		g := minimal().load().Global
		Expect(g.TFTPName(g.ImagesPath + "/vmlinuz")).To(Equal("kernels/vmlinuz"))
	})
})

var _ = Describe("Devices", func() {
	DescribeTable("are named as the kernel names them",
		func(disk, part, want string) {
			s := &config.Settings{BlockDevice: disk, DeployPart: part, TmpPart: part}
			Expect(s.DeployDevice()).To(Equal(want))
			Expect(s.TmpDevice()).To(Equal(want))
		},
		Entry("a disk with a letter", "/dev/sda", "3", "/dev/sda3"),
		Entry("a disk with a number", "/dev/nvme0n1", "3", "/dev/nvme0n1p3"),
		Entry("a suffix with its p", "/dev/cciss/c0d0", "p3", "/dev/cciss/c0d0p3"),
		Entry("a disk by its identity", "/dev/disk/by-id/ata-1", "-part3", "/dev/disk/by-id/ata-1-part3"),
	)
	It("are none without a swap partition", func() {
		Expect((&config.Settings{BlockDevice: "/dev/sda"}).SwapDevice()).To(BeEmpty())
	})
})

var _ = Describe("Commands", func() {
	DescribeTable("are cut into arguments without a shell",
		func(line string, argv ...string) {
			n := node(minimal().and("deploy.conf", "cmd_console = "+line).load(), "n1")
			Expect(n.Commands["console"].Argv).To(Equal(argv))
		},
		Entry("at blanks", "a  b\tc", "a", "b", "c"),
		Entry("quotes keep blanks", `a 'b c' "d e"`, "a", "b c", "d e"),
		Entry("quotes inside a word", `a=b' c'"d"`, "a=b cd"),
		Entry("single quotes keep everything", `sh -c 'x | y > $z \n'`, "sh", "-c", `x | y > $z \n`),
		Entry("a backslash keeps what follows", `a\ b "\"\\\$\n"`, "a b", `"\$\n`),
		Entry("an empty argument", `a ''`, "a", ""),
		Entry("a comma that is no file of groups", "a -o b,c", "a", "-o", "b,c"),
		Entry("a comma before quotes", `a b,"c d"`, "a", "b,c d"),
	)
	DescribeTable("refuse what only a shell would understand",
		func(line, problem string) {
			Expect(minimal().and("deploy.conf", "cmd_console = "+line).problems()).To(ContainSubstring(problem))
		},
		Entry("a pipe", "a | b", "to which | would be special"),
		Entry("a variable in quotes", `a "$b"`, "to which $ would be special"),
		Entry("an open quote", "a 'b", "' without a second '"),
		Entry("a lone backslash", `a \`, `\ at the end`),
	)
	It("may be taken from a node by an empty one", func() {
		site := minimal().and("deploy.conf", "cmd_console = screen").and("nodes.conf", `n3 127.1.0.3 c cmd_console=""`).load()
		Expect(node(site, "n3").Commands).NotTo(HaveKey("console"))
		Expect(node(site, "n1").Commands).To(HaveKey("console"))
	})
})

var _ = Describe("Archives", func() {
	It("must be within the limit of their kind", func() {
		f := minimal().and("deploy.conf", "max_postinstall_size = 3B\nadmin_pre_install = a.tgz|tgz|none\nadmin_post_install = a.tgz|tgz|none")
		f["a.tgz"] = "four"
		Expect(f.problems()).To(And(ContainSubstring("admin_post_install:"), ContainSubstring("larger than the limit of 3 bytes"), Not(ContainSubstring("admin_pre_install"))))
	})
	DescribeTable("are read in every kind",
		func(kind, compression string) {
			f := minimal().and("cluster-c.conf", "admin_pre_install = a|"+kind+"|breakpoint")
			f["a"] = ""
			Expect(node(f.load(), "n1").PreInstall[0].Compression).To(Equal(compression))
		},
		Entry(nil, "tgz", "gzip"), Entry(nil, "tbz2", "bzip2"), Entry(nil, "txz", "xz"), Entry(nil, "tzst", "zstd"), Entry(nil, "tar", "none"),
	)
})
