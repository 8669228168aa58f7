package daemon_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/internal/demoimage"
)

// prompt is how soon a legal client must be answered, whatever others do. The promise is a second, on a machine that has one to give;
// these specs run where others run, too, and are about being answered at all. What it took is said.
const prompt = 20 * time.Second

// door is a running daemon, in a process of its own, with machines that are goroutines of it.
type door struct {
	dir, server string
	session     *gexec.Session
	stdin       io.WriteCloser
}

// openDoor starts one. Its nodes boot one after the other, all within so long: a deployment of them tells something all the time.
func openDoor(nodes int, within time.Duration) *door {
	GinkgoHelper()
	dir, err := os.MkdirTemp("", "door-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, dir)
	d := &door{dir: dir}
	d.write(nodes, within)
	d.session, d.stdin = process("daemon", dir, "")
	Eventually(d.session.Out).Should(gbytes.Say("serving\n"))
	return d
}

// process starts the test binary in a role. It is told to end after the spec, and must have ended by then or do so.
func process(what, dir, server string) (*gexec.Session, io.WriteCloser) {
	GinkgoHelper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+what, roleDir+"="+dir, roleServer+"="+server)
	stdin, err := cmd.StdinPipe()
	Expect(err).NotTo(HaveOccurred())
	session, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		_ = stdin.Close()
		_ = syscall.Kill(cmd.Process.Pid, syscall.SIGCONT) // a spec that failed may have left it frozen
		Eventually(session).Should(gexec.Exit())
	})
	return session, stdin
}

func (d *door) file(name, content string) {
	GinkgoHelper()
	path := filepath.Join(d.dir, name)
	Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
	Expect(os.WriteFile(path, []byte(content), 0o644)).To(Succeed())
}

func (d *door) write(nodes int, within time.Duration) {
	GinkgoHelper()
	pid := os.Getpid()
	host := fmt.Sprintf("127.%d.%d.254", 205+pid%20, pid/20%250)
	l, err := net.Listen("tcp", host+":0") // its port is free
	Expect(err).NotTo(HaveOccurred())
	d.server = l.Addr().String()
	Expect(l.Close()).To(Succeed())
	port := l.Addr().(*net.TCPAddr).Port
	d.file("deploy.conf", fmt.Sprintf("kadeploy_server = %s\nkadeploy_server_port = %d\nagents_listen = %s:25301\ntftp_listen = %s:6969\n"+
		"tftp_repository = tftp\nbroadcast_grace = 60\nprobe_interval = 0.05\nimage_roots = %s\n", host, port, host, host, filepath.Join(d.dir, "images")))
	d.file("cluster-one.conf", cluster)
	var lines strings.Builder
	for n := 1; n <= nodes; n++ {
		fmt.Fprintf(&lines, "node-%d 127.%d.%d.%d one sandbox_boot_delay=%.3f\n", n, 225+pid%20, (pid/20+n>>8)%250, n&255, within.Seconds()*float64(n)/float64(nodes))
	}
	d.file("nodes.conf", lines.String())
	d.file("partitions.fdisk", "o\nn\np\n1\n\n+8G\nt\nPARTTYPE\nw\n")
	d.file("tftp/kernels/deploy-vmlinuz", demoimage.DeployKernelMagic)
	d.file("tftp/kernels/deploy-initrd", "initrd")
	d.file("images/tiny.tar", system())
	d.file("tiny.env", description("images/tiny.tar"))
}

const cluster = `power = sandbox
sandbox_in_process = true
deploy_kernel = deploy-vmlinuz
deploy_initrd = deploy-initrd
block_device = /dev/sda
deploy_part = 1
partition_file = partitions.fdisk
timeout_reboot = 200
sleep_time_before_ping = 0.02
ssh_port = 2522
test_deploy_env_port = 25300
chain_port = 25303
macrostep = SetDeploymentEnv|SetDeploymentEnvUntrusted:2:300
macrostep = BroadcastEnv|BroadcastEnvChain:2:300
macrostep = BootNewEnv|BootNewEnvClassical:1:300
`

func description(image string) string {
	return "name : tiny\nversion : 1\ntarball : " + image + "|tar\nkernel : /vmlinuz\nfilesystem : ext4\nfdisktype : 83\nenvironment_kind : linux\n"
}

// system is the smallest image that boots.
func system() string {
	GinkgoHelper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range map[string]string{"vmlinuz": demoimage.KernelMagic, "etc/os-release": "ID=tiny\n"} {
		Expect(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})).To(Succeed())
		_, err := w.Write([]byte(content))
		Expect(err).NotTo(HaveOccurred())
	}
	Expect(w.Close()).To(Succeed())
	return b.String()
}

// facts are what is inside the daemon.
type facts struct{ goroutines, heap, sessions, actors int }

func (d *door) facts() facts {
	GinkgoHelper()
	fmt.Fprintln(d.stdin)
	var f facts
	said := next(d.session, `facts .*\n`)
	_, err := fmt.Sscanf(said, "facts goroutines %d heap %d sessions %d actors %d", &f.goroutines, &f.heap, &f.sessions, &f.actors)
	Expect(err).NotTo(HaveOccurred(), said)
	return f
}

func (d *door) sessions() int { return d.facts().sessions }

// next is the next that a process says that fits.
func next(s *gexec.Session, pattern string) string {
	GinkgoHelper()
	var found string
	re := regexp.MustCompile(pattern)
	Eventually(func() string {
		all := re.FindAllString(string(s.Out.Contents()), -1)
		taking.Lock()
		defer taking.Unlock()
		if seen := taken[s][pattern]; len(all) > seen {
			found = all[seen]
		}
		return found
	}).ShouldNot(BeEmpty(), "waiting for %s; it said %s", pattern, s.Out.Contents())
	taking.Lock()
	defer taking.Unlock()
	if taken[s] == nil {
		taken[s] = make(map[string]int)
	}
	taken[s][pattern]++
	return strings.TrimSuffix(found, "\n")
}

// taken counts what next has returned of what a process said.
var (
	taking sync.Mutex
	taken  = make(map[*gexec.Session]map[string]int)
)

// user is a client process.
type user struct {
	session *gexec.Session
	stdin   io.WriteCloser
}

func (d *door) socket() string { return filepath.Join(d.dir, "var", "kadeploy.sock") }

// comes starts a client: root when who is the socket, otherwise the one whose certificate is there.
func comes(server, who string) *user {
	GinkgoHelper()
	s, stdin := process("client", who, server)
	return &user{s, stdin}
}

func (d *door) root() *user {
	GinkgoHelper()
	u := comes(d.server, d.socket())
	next(u.session, `dialled\n`)
	return u
}

func (u *user) say(order string, args ...any) { fmt.Fprintf(u.stdin, order+"\n", args...) }

// ask says something and returns the answer, which must fit.
func (u *user) ask(pattern, order string, args ...any) string {
	GinkgoHelper()
	u.say(order, args...)
	return next(u.session, "(?m)^"+pattern+`\n`)
}

var milliseconds = regexp.MustCompile(`after (\d+) ms`)

// answered expects a prompt answer; dialled with the first one of a client.
func (u *user) answered() {
	GinkgoHelper()
	said := u.ask(`nodes .*`, "nodes")
	n, err := strconv.Atoi(milliseconds.FindStringSubmatch(said)[1])
	Expect(err).NotTo(HaveOccurred())
	took := time.Duration(n) * time.Millisecond
	if took > time.Second {
		GinkgoWriter.Printf("answered after %v\n", took)
	}
	Expect(took).To(BeNumerically("<", prompt), said)
}

// alive expects that one who comes now, and one who is there already, are answered.
func (d *door) alive(there *user) {
	GinkgoHelper()
	there.say("now")
	there.answered()
	new := d.root()
	new.answered()
	new.leaves()
}

func (u *user) leaves() {
	GinkgoHelper()
	Expect(u.stdin.Close()).To(Succeed())
	Eventually(u.session).Should(gexec.Exit(0))
}

// killed is kill -9.
func (u *user) killed() {
	GinkgoHelper()
	Eventually(u.session.Kill()).Should(gexec.Exit())
}

// deploys submits a deployment of all nodes up to one, and returns its id.
func (u *user) deploys(d *door, nodes int) string {
	GinkgoHelper()
	names := make([]string, nodes)
	for i := range names {
		names[i] = fmt.Sprintf("node-%d", i+1)
	}
	said := u.ask(`(accepted|error) .*`, "submit %s %s", filepath.Join(d.dir, "tiny.env"), strings.Join(names, ","))
	Expect(said).To(HavePrefix("accepted "))
	return strings.TrimPrefix(said, "accepted ")
}
