package kadeploy3_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/kadeploy3"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// minimalYAML and minimalClassic are the smallest sites that can be taken as they are.
const minimalYAML = `-- server.conf --
network: {server_hostname: ka.lab}
pxe: {dhcp: {repository: /tftp}}
-- clusters.conf --
clusters:
- name: c
  conf_file: c.conf
  nodes:
  - {name: n-1, address: 10.0.0.1}
-- command.conf --
-- parted --
#!/bin/sh
-- c.conf --
partitioning: {block_device: /dev/sda, script: ./parted, partitions: {swap: 1, deploy: 3}}
boot: {kernels: {deploy: {vmlinuz: k/v, initrd: k/i}}}
remoteops: {reboot: [{name: soft, cmd: "ssh HOSTNAME_FQDN reboot"}]}
`

const minimalClassic = `-- conf --
kadeploy_server = ka.lab
-- clusters --
c
-- nodes --
n-1 10.0.0.1 c
-- partition_file_c --
n
-- specific_conf_c --
deploy_kernel = v
deploy_initrd = i
block_device = /dev/sda
deploy_part = 3
cmd_soft_reboot = ssh HOSTNAME_FQDN reboot
`

// with adds lines to a file of a site.
func with(site, name, lines string) string {
	return strings.Replace(site, "-- "+name+" --\n", "-- "+name+" --\n"+lines+"\n", 1)
}

func loaded(dir string) *config.Snapshot {
	GinkgoHelper()
	snapshot, problems := config.Load(dir)
	Expect(problems.Error()).To(BeEmpty())
	return snapshot
}

var _ = Describe("A configuration of YAML", func() {
	It("is taken whole when it says nothing that has no place here", func() {
		out, report := made(kadeploy3.Config{Dir: folder(minimalYAML)})
		Expect(report.Findings).To(BeEmpty())
		site := loaded(out)
		Expect(site.Global.Server).To(Equal("ka.lab:25300"))
		Expect(site.Global.AgentsListen).To(Equal("ka.lab:25301"))
		node := site.Nodes[0]
		Expect(node.DeployKernel).To(Equal("k/v"))
		Expect(site.Global.ImagesPath).To(Equal("/tftp"))
		Expect(node.PartitionKind).To(Equal("parted"))
		Expect(content(out, "partition_file_c")).To(Equal("#!/bin/sh\n"))
	})

	DescribeTable("counts tries as its version did", func(version string, tries int) {
		site := with(minimalYAML, "c.conf", "automata: {macrosteps: {BroadcastEnv: [{type: Chain, retries: 2, timeout: 300}]}}") + "-- version --\n" + version + "\n"
		out, _ := made(kadeploy3.Config{Dir: folder(site)})
		Expect(loaded(out).Nodes[0].Macrosteps[workflow.BroadcastEnv]).To(HaveExactElements(HaveField("Tries", tries)))
	},
		Entry("in 3.1.5 all of them", "3.1.5", 2),
		Entry("since 3.1.6 those after the first", "3.3.11", 3),
	)

	DescribeTable("reports each thing that has no place here, where it stands", func(file, lines, finding string) {
		_, report := made(kadeploy3.Config{Dir: folder(with(minimalYAML, file, lines))})
		Expect(lost(report)).To(HaveExactElements(finding))
	},
		Entry("an unknown field", "c.conf", "warp: {drive: 9}", "c.conf:1:15: warp.drive: unknown field"),
		Entry("a hook", "server.conf", "hooks: {end_of_power: 'x'}", "server.conf:1:23: ignored: async_end_of_power_hook: this version runs no hooks"),
		Entry("an instance", "c.conf", "automata: {macrosteps: {BootNewEnv: [{type: Classical}, {type: Beam}]}}",
			`c.conf:1:64: macrostep: BootNewEnv has no instance "BootNewEnvBeam": expected Classical, Kexec, HardReboot, PivotRoot, Dummy`),
		Entry("retries that are none", "c.conf", "automata: {macrosteps: {BootNewEnv: [{type: Classical, retries: often}]}}",
			`c.conf:1:45: BootNewEnv "Classical": a type and whole numbers of retries and seconds are wanted`),
		Entry("an operation of a micro-step", "c.conf", "automata: {macrosteps: {BroadcastEnv: [{type: Chain, microsteps: [{name: sync, pre-ops: [{name: x}]}]}]}}",
			"c.conf:1:97: automata.macrosteps.BroadcastEnv.microsteps.pre-ops.name: this version knows type, retries and timeout of an instance, and retries of its micro-steps"),
		Entry("a key that is there twice", "c.conf", "remoteops: {console: [{cmd: x}]}", "c.conf:1:1: remoteops is there twice: as in Kadeploy3, the last one was taken"),
		Entry("a command with a connector that is not set", "command.conf", "n-1: {console: DEFAULT_CONNECTOR x}",
			"command.conf:1:16: console of n-1: it uses DEFAULT_CONNECTOR, and external.default_connector is not set"),
		Entry("a postinstall that is not there", "c.conf", "postinstall: {files: [{file: /nowhere/p.tgz, format: tgz, script: x.sh}]}",
			"c.conf:1:30: admin_post_install: /nowhere/p.tgz: no such file or directory"),
		Entry("a timeout that is Ruby", "c.conf", "timeouts: {reboot: 'system(\"rm\")'}", `c.conf:1:20: timeout_reboot_classical: unknown name "system"`),
		Entry("a dummy of rights", "server.conf", "rights: {kind: dummy}",
			"server.conf:1:16: everybody might use every node (rights: dummy), and nobody may here: to go on so, kadeploy rights add '*' '*'"),
		Entry("a command of many lines", "command.conf", "n-1: {console: \"a\\nb\"}", "command.conf:1:16: console of n-1: a command on several lines"),
		Entry("a command of no node", "command.conf", "n-9: {console: b}", `command.conf:1:16: no node is named "n-9" in nodes.conf`),
	)

	DescribeTable("lets iPXE fetch from this server, over HTTP", func(text string) {
		out, report := made(kadeploy3.Config{Dir: folder(text)})
		Expect(lost(report)).To(BeEmpty())
		Expect(notes(report)).To(ContainSubstring("IPXE: nodes fetch from this server, http://ka.lab:25302, and not from another HTTP server; set http_url if they call it otherwise"))
		site := loaded(out)
		Expect(site.Global.HTTPListen).To(Equal("ka.lab:25302"))
		Expect(site.Global.HTTPURL).To(Equal("http://ka.lab:25302"))
		Expect(site.Nodes[0].PXEKind).To(Equal("ipxe"))
	},
		Entry("of YAML", strings.Replace(minimalYAML, "dhcp: {", "dhcp: {method: IPXE, ", 1)),
		Entry("of 2012", with(minimalClassic, "conf", "pxe_kind = IPXE")),
	)

	DescribeTable("leaves PXELINUX where nodes could not reach this server by its name", func(text string) {
		out, report := made(kadeploy3.Config{Dir: folder(text)})
		Expect(lost(report)).To(ContainElement(ContainSubstring("IPXE: set pxe_kind = ipxe with http_listen and http_url")))
		site := loaded(out)
		Expect(site.Global.HTTPListen).To(BeEmpty())
		Expect(site.Nodes[0].PXEKind).To(Equal("pxelinux"))
	},
		Entry("of YAML", strings.NewReplacer("dhcp: {", "dhcp: {method: IPXE, ", "ka.lab", "localhost").Replace(minimalYAML)),
		Entry("of 2012", strings.Replace(with(minimalClassic, "conf", "pxe_kind = IPXE"), "ka.lab", "127.0.0.1", 1)),
	)

	It("leaves out a cluster that could not be deployed, with its nodes, and keeps the others", func() {
		site := strings.Replace(minimalYAML, "-- command.conf --", "- name: d\n  conf_file: d.conf\n  nodes: [{name: 'm-[1-3]', address: '10.0.1.[1-3]'}]\n- name: ../e\n  conf_file: c.conf\n-- d.conf --\npartitioning: {script: ./parted}\n-- command.conf --", 1)
		out, report := made(kadeploy3.Config{Dir: folder(site)})
		Expect(loaded(out).Clusters()).To(Equal([]string{"c"}))
		Expect(filepath.Join(out, "partition_file_c")).To(BeARegularFile())
		Expect(filepath.Join(out, "partition_file_d")).NotTo(BeAnExistingFile())
		Expect(lost(report)).To(ConsistOf(
			HavePrefix("d.conf: cluster d as a whole: cluster d has no "),
			`clusters.conf:9:9: "../e" is not the name of a cluster: letters, digits and . _ -`))
	})

	It("reads nothing outside of its directory", func() {
		dir := folder(strings.Replace(minimalYAML, "conf_file: c.conf", "conf_file: ../secret.conf", 1))
		Expect(refused(kadeploy3.Config{Dir: dir})).To(ContainSubstring("no node in this file"))
		dir = folder(minimalYAML)
		Expect(os.Remove(filepath.Join(dir, "parted"))).To(Succeed())
		Expect(os.Symlink("/etc/hostname", filepath.Join(dir, "parted"))).To(Succeed())
		out, report := made(kadeploy3.Config{Dir: dir})
		Expect(lost(report)).To(HaveExactElements(ContainSubstring("path escapes from parent")))
		Expect(filepath.Join(out, "partition_file_c")).NotTo(BeAnExistingFile())
	})
})

var _ = Describe("A configuration of 2009", func() {
	It("is taken whole when it says nothing that has no place here", func() {
		out, report := made(kadeploy3.Config{Dir: folder(minimalClassic)})
		Expect(report.Findings).To(BeEmpty())
		Expect(loaded(out).Nodes).To(HaveLen(1))
	})

	DescribeTable("gives commands a shell where they need one", func(command string, argv ...string) {
		out, report := made(kadeploy3.Config{Dir: folder(with(minimalClassic, "specific_conf_c", "cmd_hard_reboot = "+command))})
		Expect(lost(report)).To(BeEmpty())
		Expect(loaded(out).Nodes[0].Commands["reboot_hard"].Argv).To(Equal(argv))
	},
		Entry("none", `ipmi -H "HOSTNAME_SHORT x"`, "ipmi", "-H", "HOSTNAME_SHORT x"),
		Entry("a pipe", `echo 'a b' | at now`, "sh", "-c", "echo 'a b' | at now"),
		Entry("a variable", `echo "$HOME"`, "sh", "-c", `echo "$HOME"`),
	)

	DescribeTable("reports each thing that has no place here, where it stands", func(file, lines, finding string) {
		_, report := made(kadeploy3.Config{Dir: folder(with(minimalClassic, file, lines))})
		Expect(lost(report)).To(HaveExactElements(finding))
	},
		Entry("an unknown key", "conf", "\nwarp = 9", `conf:2: unknown key "warp"`),
		Entry("a line that is none", "specific_conf_c", "hello", `specific_conf_c:1: "hello" is not key = value; Kadeploy3 did not read it either`),
		Entry("a value that cannot be", "specific_conf_c", "partition_creation_kind = magic", `specific_conf_c:1: partition_creation_kind: unknown value "magic" (known: fdisk, parted, sfdisk, layout)`),
		Entry("a cluster without a file", "clusters", "d", "specific_conf_d: cluster d: no such file or directory"),
		Entry("a node of no cluster", "nodes", "m-1 10.0.1.1 z", "nodes:1: nodes of cluster z: the cluster was not taken"),
		Entry("a node without an address", "nodes", "m-1 c", "nodes:1: a node needs a name, an address and a cluster"),
		Entry("a kernel of the web", "conf", "deploy_kernel = http://h/k/v", "conf:1: http://h/k/v is not fetched by this version: put it as v below tftp_images_path"),
	)

	It("survives a thousand broken lines of one cluster", func() {
		var nodes strings.Builder
		for range 3000 {
			nodes.WriteString("m-1 10.0.1.999 c\n")
		}
		_, report := made(kadeploy3.Config{Dir: folder(with(minimalClassic, "nodes", nodes.String()))})
		Expect(report.NotTaken).To(Equal(3000))
		Expect(report.Nodes).To(Equal(1))
	})
})

var _ = Describe("A directory of no use", func() {
	DescribeTable("is refused, and leaves nothing behind", func(site, reason string) {
		Expect(refused(kadeploy3.Config{Dir: folder(site)})).To(HaveSuffix(reason))
	},
		Entry("nothing", "", ": neither server.conf (Kadeploy3 since 3.1.5) nor conf (before) is in it"),
		Entry("no YAML", "-- server.conf --\na: [", `: server.conf: not YAML: line 1: did not find expected node content`),
		Entry("no clusters", "-- server.conf --\na: 1\n", ": clusters.conf is missing"),
		Entry("no nodes", strings.Replace(minimalClassic, "n-1 10.0.0.1 c\n", "", 1), ": the configuration cannot be made: nodes.conf: no node in this file"),
		Entry("no cluster that could be deployed", strings.Replace(minimalClassic, "deploy_kernel = v\n", "", 1), ": the configuration cannot be made: nodes.conf: no node in this file"),
		Entry("an address for two", with(minimalYAML, "server.conf", "x: &x [1]\ny: [*x, *x]\nz: &z {<<: *z}"), "deeper than 20 levels"),
	)

	It("is refused when it is not there, or a file", func() {
		Expect(refused(kadeploy3.Config{Dir: "/nowhere"})).To(Equal("/nowhere: no such file or directory"))
		Expect(refused(kadeploy3.Config{Dir: dumped("x")})).To(HaveSuffix("not a directory"))
	})
})

var _ = Describe("The place of an import", func() {
	import_ := func(out string) (*kadeploy3.Result, error) {
		return kadeploy3.Import(context.Background(), kadeploy3.Config{Dir: folder(minimalClassic), Out: out, Now: moment})
	}

	It("is refused when something is there, and when something came meanwhile", func() {
		parent := GinkgoT().TempDir()
		out := filepath.Join(parent, "out")
		result, err := import_(out)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.Mkdir(out, 0o700)).To(Succeed())
		Expect(result.Commit()).To(MatchError(out + " cannot be made: file already exists"))
		Expect(os.ReadDir(out)).To(BeEmpty())
		Expect(os.ReadDir(parent)).To(HaveLen(1))
		_, err = import_(out)
		Expect(err).To(MatchError(out + " is there already: name a directory that is not, or move it away"))
	})

	It("holds nothing before the end, and nothing of an import that was discarded or interrupted", func() {
		parent := GinkgoT().TempDir()
		out := filepath.Join(parent, "out")
		result, err := import_(out)
		Expect(err).NotTo(HaveOccurred())
		Expect(out).NotTo(BeAnExistingFile())
		result.Discard()
		Expect(os.ReadDir(parent)).To(BeEmpty())
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err = kadeploy3.Import(ctx, kadeploy3.Config{Dump: dumped(rightsTable), Out: out})
		Expect(err).To(MatchError(context.Canceled))
		Expect(os.ReadDir(parent)).To(BeEmpty())
	})

	It("is for its owner only: commands may hold passwords", func() {
		out, _ := made(kadeploy3.Config{Dir: folder(minimalClassic)})
		for _, name := range []string{"", "deploy.conf", "cluster-c.conf"} {
			info, err := os.Stat(filepath.Join(out, name))
			Expect(err).NotTo(HaveOccurred())
			Expect(info.Mode().Perm() & 0o077).To(BeZero())
		}
	})
})
