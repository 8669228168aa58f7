package client_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/demoimage"
)

// daemon is a kadeploy-server of its own, in the foreground, with machines whose agents are processes. Node 3 hangs when it
// is to format its partition, node 4 never boots.
type daemon struct {
	dir     string
	net     string // 127.X.Y
	session *gexec.Session
}

func startDaemon(nodes int) *daemon {
	GinkgoHelper()
	d := &daemon{dir: GinkgoT().TempDir(), net: fmt.Sprintf("127.%d.%d", 78+os.Getpid()%10, os.Getpid()/10%250)}
	programs := filepath.Join(d.dir, "bin") + "/"
	out, err := exec.Command("go", "build", "-o", programs, "github.com/kadeploy/kadeploy/cmd/kadeploy-server", "github.com/kadeploy/kadeploy/cmd/kadeploy-agent").CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
	d.write(nodes)

	d.run()
	DeferCleanup(func() {
		d.kill()
		Eventually(d.processes).Should(BeEmpty())
	})
	return d
}

// run starts the server, for the first time or after it was killed.
func (d *daemon) run() {
	GinkgoHelper()
	var err error
	program := filepath.Join(d.dir, "bin", "kadeploy-server")
	d.session, err = gexec.Start(exec.Command(program, "start", "--foreground", "-d", d.dir), GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	Eventually(d.session.Err).Should(gbytes.Say("msg=serving"))
}

func (d *daemon) server() string { return d.net + ".254:25300" }

func (d *daemon) socket() string { return filepath.Join(d.dir, "var", "kadeploy.sock") }

func (d *daemon) kill() {
	d.session.Kill()
	Eventually(d.session.Exited).Should(BeClosed())
}

func (d *daemon) write(nodes int) {
	GinkgoHelper()
	host := d.net + ".254"
	d.file("deploy.conf", []byte("kadeploy_server = "+host+"\nkadeploy_server_port = 25300\nagents_listen = "+host+":25301\ntftp_listen = "+host+
		":6969\ntftp_repository = tftp\nbroadcast_grace = 0.2\nprobe_interval = 0.05\n"))
	d.file("cluster-one.conf", []byte(cluster))
	faults := map[int]string{3: "sandbox_fault=hung-order:format_deploy_part", 4: "sandbox_fault=never-boots"}
	var lines strings.Builder
	for n := 1; n <= nodes; n++ {
		fmt.Fprintf(&lines, "node-%d %s.%d one %s\n", n, d.net, n, faults[n])
	}
	d.file("nodes.conf", []byte(lines.String()))
	d.file("partitions.fdisk", []byte("o\nn\np\n1\n\n+8G\nt\nPARTTYPE\nw\n"))
	d.file("tftp/kernels/deploy-vmlinuz", []byte(demoimage.DeployKernelMagic))
	d.file("tftp/kernels/deploy-initrd", []byte("initrd"))
	d.file("image.tar", system())
}

const cluster = `power = sandbox
sandbox_boot_delay = 0.02
deploy_kernel = deploy-vmlinuz
deploy_initrd = deploy-initrd
block_device = /dev/sda
deploy_part = 1
partition_file = partitions.fdisk
timeout_reboot = 20
sleep_time_before_ping = 0.02
ssh_port = 2522
test_deploy_env_port = 25300
chain_port = 25303
`

// system is the smallest image that boots.
func system() []byte {
	GinkgoHelper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range map[string]string{"vmlinuz": demoimage.KernelMagic, "etc/os-release": "ID=tiny\n"} {
		Expect(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})).To(Succeed())
		_, err := w.Write([]byte(content))
		Expect(err).NotTo(HaveOccurred())
	}
	Expect(w.Close()).To(Succeed())
	return b.Bytes()
}

func (d *daemon) deployment(nodes ...string) *message.Submit {
	return &message.Submit{Nodes: nodes, EnvironmentPath: filepath.Join(d.dir, "tiny.env"), Environment: []byte(
		"name : tiny\nversion : 1\ntarball : image.tar|tar\nkernel : /vmlinuz\nfilesystem : ext4\nfdisktype : 83\nenvironment_kind : linux\n")}
}

// processes are the living ones whose command line names the daemon's directory.
func (d *daemon) processes() []string {
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var found []string
	for _, file := range commands {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(d.dir)) {
			found = append(found, string(text))
		}
	}
	return found
}
