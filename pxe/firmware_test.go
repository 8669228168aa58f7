//go:build firmware

package pxe_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
	"github.com/kadeploy/kadeploy/pxe"
	"github.com/kadeploy/kadeploy/pxe/dhcp"
	"github.com/kadeploy/kadeploy/pxe/http"
	"github.com/kadeploy/kadeploy/pxe/loaders"
	"github.com/kadeploy/kadeploy/pxe/tftp"
)

// With the tag firmware real firmware boots in QEMU, in network namespaces of its own, from our DHCP, TFTP and HTTP up to what a kernel says
// first. It needs root, QEMU, OVMF, dnsmasq (for what is not ours), the loaders' packages and a kernel in /boot.

const (
	nodeMAC   = "52:54:00:77:00:0b"
	serverURL = "http://10.77.0.1:25302"
)

var nodeAddr = netip.MustParseAddr("10.77.0.11")

// served is what the process that is the server is told.
type served struct {
	Root    string
	Mode    dhcp.Mode
	Loader  pxe.Loader
	Profile pxe.Profile
}

// TestMain turns the test binary into the server, when it is started as one.
func TestMain(m *testing.M) {
	order := os.Getenv("PXE_SERVED")
	if order == "" {
		os.Exit(m.Run())
	}
	var s served
	err := json.Unmarshal([]byte(order), &s)
	if err == nil {
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // the network is there
		err = s.serve()
	}
	fmt.Println("error:", err)
	os.Exit(1)
}

func (s served) serve() error {
	dir, err := pxe.OpenDir(pxe.DirConfig{Root: s.Root, Profiles: "pxelinux.cfg", Loaders: loaders.Files()})
	if err != nil {
		return err
	}
	hw, _ := net.ParseMAC(nodeMAC)
	if err := dir.Write(pxe.Node{Name: "node-1.lab", Addr: nodeAddr, MAC: hw, Loader: s.Loader}, s.Profile); err != nil {
		return err
	}
	if _, err := tftp.Start(tftp.Config{Listen: "10.77.0.1:69", Root: s.Root, Serves: dir.Serves}); err != nil {
		return err
	}
	if _, err := http.Start(http.Config{Listen: "10.77.0.1:25302", Root: s.Root, Serves: dir.Serves}); err != nil {
		return err
	}
	site := dhcp.Site{Mode: s.Mode, URL: serverURL, Machine: func(mac net.HardwareAddr) (dhcp.Machine, bool) {
		return dhcp.Machine{Name: "node-1.lab", Addr: nodeAddr, Loader: s.Loader}, mac.String() == nodeMAC
	}}
	if _, err := dhcp.Start(dhcp.Config{Interface: "eth0", Site: site}); err != nil {
		return err
	}
	fmt.Println("ready")
	select {} // until it is killed
}

// rack is two namespaces, the server's and that of the machine with its switch, and what runs in them.
type rack struct {
	dir    string
	server *exec.Cmd
	holder *exec.Cmd
}

func newRack(s served) *rack {
	GinkgoHelper()
	r := &rack{dir: GinkgoT().TempDir()}
	order, err := json.Marshal(s)
	Expect(err).NotTo(HaveOccurred())
	r.server, r.holder = apart(os.Args[0]), apart("sleep", "600")
	r.server.Env = append(os.Environ(), "PXE_SERVED="+string(order))
	in, err := r.server.StdinPipe()
	Expect(err).NotTo(HaveOccurred())
	out, err := r.server.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	run(r.server)
	run(r.holder)
	r.wire(s.Mode)
	fmt.Fprintln(in)
	line, err := bufio.NewReader(out).ReadString('\n')
	Expect(err).NotTo(HaveOccurred())
	Expect(line).To(Equal("ready\n"))
	return r
}

// apart is a program in a network namespace of its own, which ends with it.
func apart(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func run(cmd *exec.Cmd) {
	GinkgoHelper()
	cmd.Stderr = GinkgoWriter
	Expect(cmd.Start()).To(Succeed())
	DeferCleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// inside runs a program in the namespace of a process.
func inside(of *exec.Cmd, args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"-t", fmt.Sprint(of.Process.Pid), "-n", "--"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// wire makes the switch with the server and the machine at it. A program that is not ours announces that there is no IPv6 router, for which
// iPXE would wait, and in the mode proxy gives the machine its address.
func (r *rack) wire(mode dhcp.Mode) {
	GinkgoHelper()
	ip := func(of *exec.Cmd, words string) {
		GinkgoHelper()
		out, err := inside(of, append([]string{"ip"}, strings.Fields(words)...)...).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), "ip %s: %s", words, out)
	}
	ip(r.holder, "link add br0 type bridge stp_state 0 forward_delay 0")
	ip(r.holder, "address add 10.77.0.2/24 dev br0")
	ip(r.holder, "address add fd77::1/64 dev br0 nodad")
	ip(r.holder, fmt.Sprintf("link add v0 type veth peer name eth0 netns %d", r.server.Process.Pid))
	ip(r.holder, "link set v0 master br0 up")
	ip(r.holder, "tuntap add tap0 mode tap")
	ip(r.holder, "link set tap0 master br0 up")
	ip(r.holder, "link set br0 up")
	ip(r.server, "address add 10.77.0.1/24 dev eth0")
	ip(r.server, "link set eth0 up")
	args := []string{"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=br0", "--bind-interfaces", "--leasefile-ro",
		"--pid-file=", "--user=root", "--log-facility=-", "--log-dhcp", "--enable-ra", "--dhcp-range=::,constructor:br0,ra-only", "--ra-param=br0,0,0"}
	if mode == dhcp.Proxy {
		args = append(args, "--dhcp-range=10.77.0.0,static", "--dhcp-host="+nodeMAC+","+nodeAddr.String())
	}
	run(inside(r.holder, args...))
}

// boot powers the machine on and returns the file that its serial port writes.
func (r *rack) boot(firmware pxe.Firmware, disk string) string {
	GinkgoHelper()
	serial := filepath.Join(r.dir, "serial.log")
	args := slices.Concat([]string{"qemu-system-x86_64"}, lab.Processor(), strings.Fields("-m 512 -nodefaults -no-user-config -display none -vga none"+
		" -device virtio-rng-pci -serial file:"+serial+" -netdev tap,id=net0,ifname=tap0,script=no,downscript=no"))
	nic := "virtio-net-pci,netdev=net0,mac=" + nodeMAC + ",bootindex=1"
	if firmware == pxe.UEFI {
		vars := filepath.Join(r.dir, "vars.fd")
		content, err := os.ReadFile("/usr/share/OVMF/OVMF_VARS_4M.fd")
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(vars, content, 0o600)).To(Succeed())
		args = append(args, "-machine", "q35", "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
			"-drive", "if=pflash,unit=1,format=raw,file="+vars, "-device", nic+",romfile=")
	} else {
		args = append(args, "-machine", "pc,graphics=off", "-device", nic)
	}
	if disk != "" {
		args = append(args, "-drive", "id=disk0,if=none,format=raw,file="+disk, "-device", "virtio-blk-pci,drive=disk0,bootindex=2")
	}
	run(inside(r.holder, args...))
	return serial
}

var escapes = regexp.MustCompile(`\x1b\[[0-9;?=]*[A-Za-z]`)

// written is what the serial port has written, as a person would see it.
func written(serial string) string {
	content, _ := os.ReadFile(serial)
	return escapes.ReplaceAllString(string(content), "")
}

// says waits until the serial port has written a text.
func says(serial, text string) {
	GinkgoHelper()
	start := time.Now()
	Eventually(written).WithArguments(serial).WithTimeout(3 * time.Minute).WithPolling(100 * time.Millisecond).Should(ContainSubstring(text))
	AddReportEntry(fmt.Sprintf("after %.1f s", time.Since(start).Seconds()))
}

func needed() {
	GinkgoHelper()
	if os.Geteuid() != 0 {
		Skip("network namespaces and taps need root")
	}
	for _, tool := range []string{"qemu-system-x86_64", "dnsmasq", "nsenter", "ip", "grub-mkimage"} {
		if _, err := exec.LookPath(tool); err != nil {
			Skip(tool + " is not installed")
		}
	}
	for _, file := range []string{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/dev/net/tun"} {
		if _, err := os.Stat(file); err != nil {
			Skip(file + " is missing")
		}
	}
}

// tree is a TFTP root with all loaders, and a kernel of this machine.
func netbootTree() string {
	GinkgoHelper()
	root := GinkgoT().TempDir()
	items, err := loaders.Install(context.Background(), loaders.Config{Root: root})
	Expect(err).NotTo(HaveOccurred())
	for _, i := range items {
		if i.State != loaders.Installed {
			Skip(fmt.Sprintf("%s is %s: install the Debian package %s (%v)", i.Name, i.State, i.Package, i.Err))
		}
	}
	kernels, _ := filepath.Glob("/boot/vmlinuz-*")
	if len(kernels) == 0 {
		Skip("no kernel in /boot: install the Debian package linux-image-cloud-amd64")
	}
	content, err := os.ReadFile(kernels[0])
	Expect(err).NotTo(HaveOccurred())
	Expect(os.Mkdir(filepath.Join(root, "kernels"), 0o755)).To(Succeed())
	Expect(os.WriteFile(filepath.Join(root, "kernels", "vmlinuz"), content, 0o644)).To(Succeed())
	Expect(os.WriteFile(filepath.Join(root, "kernels", "initrd"), []byte("070701"), 0o644)).To(Succeed())
	return root
}

var _ = Describe("Real firmware", Label("firmware"), func() {
	const args = "console=ttyS0 earlyprintk=serial panic=10 kadeploy.token=GEZDGNBVGY3TQOJQ"
	DescribeTable("boots the kernel of its profile",
		func(mode dhcp.Mode, firmware pxe.Firmware, language pxe.Language) {
			needed()
			l := pxe.Loader{Language: language, Firmware: firmware, URL: serverURL}
			r := newRack(served{netbootTree(), mode, l, pxe.Deployment("kernels/vmlinuz", []string{"kernels/initrd"}, args)})
			serial := r.boot(firmware, "")
			says(serial, "Linux version")
			says(serial, "kadeploy.token=GEZDGNBVGY3TQOJQ")
		},
		Entry("BIOS, iPXE, our DHCP", dhcp.Full, pxe.BIOS, pxe.IPXE),
		Entry("UEFI, iPXE, our DHCP", dhcp.Full, pxe.UEFI, pxe.IPXE),
		Entry("BIOS, PXELINUX, our DHCP", dhcp.Full, pxe.BIOS, pxe.PXELINUX),
		Entry("UEFI, GRUB, our DHCP", dhcp.Full, pxe.UEFI, pxe.GRUB),
		Entry("BIOS, GRUB, our DHCP", dhcp.Full, pxe.BIOS, pxe.GRUB),
		Entry("BIOS, iPXE, beside another DHCP server", dhcp.Proxy, pxe.BIOS, pxe.IPXE),
		Entry("UEFI, iPXE, beside another DHCP server", dhcp.Proxy, pxe.UEFI, pxe.IPXE),
		Entry("BIOS, PXELINUX, beside another DHCP server", dhcp.Proxy, pxe.BIOS, pxe.PXELINUX),
	)

	It("tries again when a file cannot be had, and comes up when it can", func() {
		needed()
		root := netbootTree()
		kernel := filepath.Join(root, "kernels", "vmlinuz")
		Expect(os.Rename(kernel, kernel+".away")).To(Succeed())
		l := pxe.Loader{Language: pxe.IPXE, Firmware: pxe.BIOS, URL: serverURL}
		serial := newRack(served{root, dhcp.Full, l, pxe.Deployment("kernels/vmlinuz", nil, args)}).boot(pxe.BIOS, "")
		says(serial, "failed, trying again")
		Expect(os.Rename(kernel+".away", kernel)).To(Succeed())
		says(serial, "Linux version")
	})

	DescribeTable("starts the system of its disk",
		func(firmware pxe.Firmware, language pxe.Language) {
			needed()
			l := pxe.Loader{Language: language, Firmware: firmware, URL: serverURL}
			r := newRack(served{netbootTree(), dhcp.Full, l, pxe.FromDisk()})
			disk := bootSector(r.dir)
			if firmware == pxe.UEFI {
				disk = "fat:rw:" + systemPartition(r.dir)
			}
			serial := r.boot(firmware, disk)
			says(serial, localSystem)
			if language != pxe.PXELINUX { // whose LOCALBOOT leaves it to the firmware: no other loader may have given up
				Expect(written(serial)).NotTo(ContainSubstring("Booting from Hard Disk"))
				Expect(strings.Count(written(serial), "BdsDxe: starting")).To(BeNumerically("<=", 1), "a boot option of UEFI after another")
			}
		},
		Entry("BIOS, iPXE", pxe.BIOS, pxe.IPXE),
		Entry("BIOS, PXELINUX", pxe.BIOS, pxe.PXELINUX),
		Entry("BIOS, GRUB", pxe.BIOS, pxe.GRUB),
		Entry("UEFI, iPXE", pxe.UEFI, pxe.IPXE),
		Entry("UEFI, GRUB", pxe.UEFI, pxe.GRUB),
	)

	DescribeTable("starts the boot sector of a partition, and not that of the disk",
		func(language pxe.Language) {
			needed()
			l := pxe.Loader{Language: language, Firmware: pxe.BIOS, URL: serverURL}
			r := newRack(served{netbootTree(), dhcp.Full, l, pxe.FromPartition(0, 3)})
			serial := r.boot(pxe.BIOS, partitioned(r.dir))
			says(serial, partitionSystem)
			Expect(written(serial)).NotTo(ContainSubstring(localSystem))
		},
		Entry("PXELINUX", pxe.PXELINUX),
		Entry("GRUB", pxe.GRUB),
	)
})

// What the systems on disks and partitions say.
const (
	localSystem     = "THE SYSTEM OF THE DISK"
	partitionSystem = "THE SYSTEM OF THE PARTITION"
)

// bootSector makes a disk whose boot sector writes to the serial port.
func bootSector(dir string) string {
	GinkgoHelper()
	disk := make([]byte, 1<<20)
	copy(disk, sector(localSystem))
	return diskOf(dir, disk)
}

// partitioned makes such a disk with a third partition, which has a boot sector of its own.
func partitioned(dir string) string {
	GinkgoHelper()
	const begin, sectors = 2048, 2048
	disk := make([]byte, (begin+sectors)*512)
	copy(disk, sector(localSystem))
	entry := disk[446+2*16:]
	entry[4] = 0xa5 // FreeBSD
	binary.LittleEndian.PutUint32(entry[8:], begin)
	binary.LittleEndian.PutUint32(entry[12:], sectors)
	copy(disk[begin*512:], sector(partitionSystem))
	return diskOf(dir, disk)
}

// sector is a boot sector that writes a text to the serial port.
func sector(text string) []byte {
	code := []byte{0xba, 0xf8, 0x03} // mov dx, 0x3f8
	for _, c := range []byte(text) {
		code = append(code, 0xb0, c, 0xee) // mov al, c; out dx, al
	}
	code = append(code, 0xf4, 0xeb, 0xfd) // hlt; jmp there
	code = append(code, make([]byte, 510-len(code))...)
	return append(code, 0x55, 0xaa)
}

func diskOf(dir string, disk []byte) string {
	GinkgoHelper()
	path := filepath.Join(dir, "disk.img")
	Expect(os.WriteFile(path, disk, 0o600)).To(Succeed())
	return path
}

// systemPartition makes a directory that QEMU shows as a disk, with a program of GRUB's that writes to the console.
func systemPartition(dir string) string {
	GinkgoHelper()
	root := filepath.Join(dir, "esp")
	Expect(os.MkdirAll(filepath.Join(root, "EFI", "BOOT"), 0o755)).To(Succeed())
	menu := filepath.Join(dir, "menu")
	Expect(os.WriteFile(menu, []byte("echo "+localSystem+"\nsleep 600\n"), 0o600)).To(Succeed())
	out, err := exec.Command("grub-mkimage", "-O", "x86_64-efi", "-c", menu, "-p", "/", "-o", filepath.Join(root, "EFI", "BOOT", "BOOTX64.EFI"), "echo", "sleep").CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
	return root
}
