package deploysystem_test

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/deploysystem"
)

var _ = Describe("modules", func() {
	var (
		dir    string
		mu     sync.Mutex
		loaded []string
		refuse map[string]error
		load   func(string) error
	)

	BeforeEach(func() {
		dir, loaded, refuse = GinkgoT().TempDir(), nil, map[string]error{}
		for name, text := range map[string]string{
			"modules.dep": "k/virtio_net.ko: k/net_failover.ko k/failover.ko\nk/net_failover.ko: k/failover.ko\nk/failover.ko:\n" +
				"k/btrfs.ko: k/raid6.ko\nk/raid6.ko:\nk/blake2b.ko:\nk/snd-card.ko:\n",
			"modules.alias":   "alias virtio:d00000001v* virtio_net\nalias pci:v00001AF4d0000100[0-9]sv* virtio_net\nalias fs-btrfs btrfs\nalias pci:v00001AF4d00001000* snd-card\n",
			"modules.softdep": "softdep btrfs pre: blake2b not-there\n",
		} {
			Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)).To(Succeed())
		}
	})
	JustBeforeEach(func() {
		var err error
		load, err = deploysystem.Modules(dir, func(file string) error {
			mu.Lock()
			defer mu.Unlock()
			name := filepath.Base(file)
			loaded = append(loaded, name)
			return refuse[name]
		})
		Expect(err).NotTo(HaveOccurred())
	})

	It("are loaded after what they need", func() {
		Expect(load("virtio-net")).To(Succeed())
		Expect(loaded).To(Equal([]string{"failover.ko", "net_failover.ko", "virtio_net.ko"}))
	})

	It("are loaded once", func() {
		Expect(load("virtio_net")).To(Succeed())
		Expect(load("virtio:d00000001v00001AF4")).To(Succeed())
		Expect(loaded).To(HaveLen(3))
	})

	It("are loaded after what they would rather have first", func() {
		Expect(load("fs-btrfs")).To(Succeed())
		Expect(loaded).To(Equal([]string{"blake2b.ko", "raid6.ko", "btrfs.ko"}))
	})

	It("are found by what the hardware says it is; all that fit are loaded", func() {
		Expect(load("pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00")).To(Succeed())
		Expect(loaded).To(ConsistOf("failover.ko", "net_failover.ko", "virtio_net.ko", "snd-card.ko"))
	})

	It("that the kernel has already are as good as loaded", func() {
		refuse["failover.ko"] = unix.EEXIST
		Expect(load("virtio_net")).To(Succeed())
	})

	It("that the kernel refuses are named", func() {
		refuse["net_failover.ko"] = unix.ENOEXEC
		Expect(load("virtio_net")).To(MatchError("module net_failover: exec format error"))
		Expect(loaded).NotTo(ContainElement("virtio_net.ko"))
	})

	It("are not loaded before what they need, whoever is loading that", func() {
		inside, goOn := make(chan struct{}), make(chan struct{})
		var once sync.Once
		var refused atomic.Bool
		ready := map[string]bool{}
		load, err := deploysystem.Modules(dir, func(file string) error {
			name := filepath.Base(file)
			if name == "failover.ko" {
				once.Do(func() { close(inside) })
				<-goOn
			}
			mu.Lock()
			defer mu.Unlock()
			if name == "net_failover.ko" && !ready["failover.ko"] {
				refused.Store(true)
				return unix.ENOENT
			}
			ready[name] = true
			return nil
		})
		Expect(err).NotTo(HaveOccurred())
		var all sync.WaitGroup
		results := make(chan error, 2)
		all.Go(func() { results <- load("failover") })
		<-inside
		all.Go(func() { results <- load("virtio_net") })
		Consistently(refused.Load, "100ms").Should(BeFalse())
		close(goOn)
		all.Wait()
		Expect(<-results).To(Succeed())
		Expect(<-results).To(Succeed())
		Expect(refused.Load()).To(BeFalse())
	})

	Context("that would rather have each other first", func() {
		BeforeEach(func() {
			Expect(os.WriteFile(filepath.Join(dir, "modules.softdep"), []byte("softdep btrfs pre: blake2b\nsoftdep blake2b pre: btrfs\n"), 0o600)).To(Succeed())
		})

		It("are loaded all the same", func() {
			Expect(load("btrfs")).To(Succeed())
			Expect(loaded).To(ConsistOf("blake2b.ko", "raid6.ko", "btrfs.ko"))
		})
	})

	It("that nobody knows are said to be missing", func() {
		Expect(load("floppy")).To(MatchError("floppy: no such module in the deployment system"))
	})

	Context("when the kernel has all built in", func() {
		BeforeEach(func() { dir = GinkgoT().TempDir() })

		It("are none", func() {
			Expect(load("virtio_net")).To(MatchError(ContainSubstring("no such module")))
		})
	})
})

var _ = Describe("hardware", func() {
	It("tells its drivers by the files modalias", func() {
		dir := GinkgoT().TempDir()
		for name, text := range map[string]string{"pci/0000:00:03.0/modalias": "pci:v1\n", "pci/0000:00:04.0/modalias": "\n", "virtual/x/uevent": "MODALIAS=no"} {
			Expect(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755)).To(Succeed())
			Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)).To(Succeed())
		}
		Expect(deploysystem.Coldplug(dir)).To(Equal([]string{"pci:v1"}))
	})

	DescribeTable("that appears is told by the kernel", func(message, modalias string) {
		Expect(deploysystem.AddedDevice([]byte(message))).To(Equal(modalias))
	},
		Entry("with what it is", "add@/devices/x\x00ACTION=add\x00DEVPATH=/devices/x\x00MODALIAS=virtio:d2v1\x00SEQNUM=7\x00", "virtio:d2v1"),
		Entry("or goes", "remove@/devices/x\x00ACTION=remove\x00MODALIAS=virtio:d2v1\x00", ""),
		Entry("or wants no driver", "add@/devices/x\x00ACTION=add\x00", ""),
		Entry("or what is no such message", "libudev\x00\xfe\xed\xca\xfe", ""),
		Entry("or nothing", "", ""),
	)
})

var _ = DescribeTable("the kernel command line", func(line string, drivers []string, shell bool) {
	d, s := deploysystem.Words(line)
	Expect(d).To(Equal(drivers))
	Expect(s).To(Equal(shell))
},
	Entry("asks for nothing", "quiet root=/dev/vda1", nil, false),
	Entry("asks for drivers, in their order", "kadeploy.drivers=mlx4_en,,ahci\n", []string{"mlx4_en", "ahci"}, false),
	Entry("asks for a shell", "kadeploy.shell=1", nil, true),
	Entry("asks for no shell", "kadeploy.shell=0", nil, false),
)
