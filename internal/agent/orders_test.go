package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/internal/agent"
	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/dirdisk"
	"github.com/kadeploy/kadeploy/internal/phonehome"
)

var _ = Describe("An agent, given", func() {
	var r *rig
	target := func(name string) string { return filepath.Join(r.disk, "part/3", name) }

	BeforeEach(func() {
		r = newRig()
		r.start(nil)
	})

	Describe("orders for the disk", func() {
		It("carries them out, twice if need be", func() {
			for range 2 {
				r.prepare()
				r.must(mount("/dev/sda3", "/mnt/dest"))
				r.must(swap())
				r.must(umount())
				r.must(umount())
				r.must(sync())
			}
		})

		It("puts the partition type in the place of PARTTYPE", func() {
			r.prepare()
			text, err := os.ReadFile(filepath.Join(r.disk, "table.json"))
			Expect(err).NotTo(HaveOccurred())
			Expect(string(text)).To(ContainSubstring(`"type": "83"`))
			o := partition("part 3 1G PARTTYPE\n")
			o.GetPartition().Env = nil
			Expect(r.do(o).Error).To(ContainSubstring("PARTTYPE"))
		})

		It("names what is wrong", func() {
			Expect(r.do(format("/dev/sda3")).Error).To(Equal("format /dev/sda3: the disk has no partition table"))
			Expect(r.do(&agentpb.Order{Step: "kexec"}).Error).To(ContainSubstring("does not know the order"))
		})
	})

	Describe("an image to receive", func() {
		var img *image

		BeforeEach(func() {
			r.prepare()
			img = broadcast(tarball([2]string{"boot/vmlinuz-6", strings.Repeat("kernel", 50000)}, [2]string{"vmlinuz", "-> /boot/vmlinuz-6"}, [2]string{"etc/os-release", "ID=demo"}), nil)
		})

		It("unpacks it while it arrives and says which it was", func() {
			result, link := r.send(img)
			Expect(result.Ok).To(BeTrue(), result.Error)
			digest := img.manifest.Digest()
			Expect(result.Digest).To(Equal(digest[:]))
			Expect(result.LogTail).To(ContainSubstring("3 files"))
			Expect(link.OK).To(BeTrue(), link.Cause)
			Expect(target("etc/os-release")).To(BeAnExistingFile())
			r.must(check("/vmlinuz", "boot/vmlinuz-6"))
		})

		It("receives it again over a half-done try", func() {
			Expect(os.WriteFile(target("etc"), []byte("half"), 0o600)).To(Succeed())
			Expect(os.Remove(target("etc"))).To(Succeed())
			for range 2 {
				result, _ := r.send(img)
				Expect(result.Ok).To(BeTrue(), result.Error)
			}
		})

		It("writes a raw image to a partition", func() {
			raw := broadcast([]byte(strings.Repeat("sector", 100000)), func(r *agentpb.Receive) { r.Kind, r.Compression, r.Target = "dd", "none", "/dev/sda3" })
			result, link := r.send(raw)
			Expect(result.Ok).To(BeTrue(), result.Error)
			Expect(link.OK).To(BeTrue())
			Expect(os.ReadFile(filepath.Join(r.disk, "raw/3"))).To(Equal(raw.bytes))
		})

		It("takes it encrypted when told so", func() {
			img.order.GetReceive().Tls = true
			result, link := r.send(img)
			Expect(result.Ok).To(BeTrue(), result.Error)
			Expect(link.OK).To(BeTrue(), link.Cause)
		})

		DescribeTable("says what is wrong with it, to the server and to the chain",
			func(content func() []byte, change func(*agentpb.Receive), want string) {
				result, link := r.send(broadcast(content(), change))
				Expect(result.Ok).To(BeFalse())
				Expect(result.Error).To(ContainSubstring(want))
				Expect(result.Digest).To(BeEmpty())
				Expect(link.OK).To(BeFalse())
			},
			Entry("not compressed as announced", func() []byte { return []byte(strings.Repeat("x", 100000)) }, nil, "gzip: invalid header"),
			Entry("no archive", func() []byte { return []byte(strings.Repeat("x", 100000)) }, func(r *agentpb.Receive) { r.Compression = "none" }, "archive"),
			Entry("cut off", func() []byte {
				whole := tarball([2]string{"f", strings.Repeat("content", 30000)})
				return whole[:len(whole)-9]
			}, nil, "unexpected EOF"),
			Entry("reaching outside", func() []byte { return tarball([2]string{"../evil", "x"}) }, nil, `"../evil" refused`),
			Entry("empty", func() []byte { return tarball() }, nil, "the archive is empty"),
		)

		DescribeTable("refuses an order that cannot work, before it listens",
			func(change func(*agentpb.Receive), want string) {
				result := r.do(broadcast([]byte("x"), change).order)
				Expect(result.Error).To(ContainSubstring(want))
			},
			Entry("a target that is not mounted", func(r *agentpb.Receive) { r.Target = "/mnt/other" }, "nothing is mounted"),
			Entry("a device that is not there", func(r *agentpb.Receive) { r.Kind, r.Target = "dd", "/dev/sda9" }, "/dev/sda9: no such partition"),
			Entry("a short key", func(r *agentpb.Receive) { r.Key = r.Key[:31] }, "wrong length"),
			Entry("an unknown compression", func(r *agentpb.Receive) { r.Compression = "rar" }, "rar"),
			Entry("an unknown kind", func(r *agentpb.Receive) { r.Kind = "fsa" }, "want tar or dd"),
			Entry("an address of another", func(r *agentpb.Receive) { r.Listen = "127.0.0.2:0" }, "want a port of 127.0.0.1"),
		)

		It("gives up waiting for it when it is aborted, and can wait again", func() {
			ctx, cancel := context.WithCancel(context.Background())
			_, err := r.session.Do(ctx, img.order, func(*agentpb.Progress) { cancel() })
			Expect(err).To(MatchError(context.Canceled))
			result, _ := r.send(img)
			Expect(result.Ok).To(BeTrue(), result.Error)
		})

		It("gives up when the order's own time is over", func() {
			img.order.Timeout = durationpb.New(50 * time.Millisecond)
			Expect(r.do(img.order).Error).To(ContainSubstring("timed out after 50ms"))
		})
	})

	Describe("a pre- or post-install", func() {
		offer := func(entries ...[2]string) int {
			content := tarball(entries...)
			path := filepath.Join(GinkgoT().TempDir(), "post.tgz")
			Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
			r.session.Offer("post", path)
			return len(content)
		}
		const sh = "#!/bin/sh\n"

		BeforeEach(func() { r.prepare() })

		It("fetches it, unpacks it and runs its script on the mounted target", func() {
			size := offer([2]string{"bin/go.sh", sh + "cp $1/motd $KADEPLOY_ENV_EXTRACTION_DIR/motd && echo copied\n"}, [2]string{"motd", "welcome"})
			Expect(r.must(script("post", "bin/go.sh /rambin", size)).LogTail).To(Equal("copied\n"))
			Expect(os.ReadFile(target("motd"))).To(Equal([]byte("welcome")))
		})

		It("only unpacks it when there is no script, or a breakpoint", func() {
			size := offer([2]string{"none", sh + "exit 1\n"}, [2]string{"breakpoint", sh + "exit 1\n"})
			r.must(script("post", "none", size))
			r.must(script("post", "breakpoint", size))
			Expect(filepath.Join(r.disk, "ram/rambin/none")).To(BeAnExistingFile())
		})

		It("reports a script that fails, with what it printed", func() {
			size := offer([2]string{"go.sh", sh + "echo trying\necho grub: no disk >&2\nexit 7\n"})
			result := r.do(script("post", "go.sh", size))
			Expect(result.Error).To(Equal("script go.sh: exit status 7: grub: no disk"))
			Expect(result.LogTail).To(Equal("trying\ngrub: no disk\n"))
		})

		It("kills a script that ignores TERM when its time is over", func() {
			size := offer([2]string{"go.sh", sh + "trap '' TERM\necho started\nwhile :; do sleep 100; done\n"})
			o := script("post", "go.sh", size)
			o.Timeout = durationpb.New(300 * time.Millisecond)
			result := r.do(o)
			Expect(result.Error).To(ContainSubstring("timed out after 300ms"))
			Expect(result.LogTail).To(ContainSubstring("started"))
			r.must(sync())
		})

		DescribeTable("refuses",
			func(change func(*agentpb.RunArchive), want string) {
				o := script("post", "go.sh", offer([2]string{"go.sh", sh}))
				change(o.GetRunArchive())
				Expect(r.do(o).Error).To(ContainSubstring(want))
			},
			Entry("a file that was not offered", func(a *agentpb.RunArchive) { a.File = "other" }, `cannot send "other"`),
			Entry("a file that is larger than announced", func(a *agentpb.RunArchive) { a.Size = 10 }, "larger than the order said"),
			Entry("a file that is smaller", func(a *agentpb.RunArchive) { a.Size *= 2 }, "bytes are missing"),
			Entry("a script that is not in it", func(a *agentpb.RunArchive) { a.Script = "gone.sh" }, "no such file in the archive"),
			Entry("variables that are not ours", func(a *agentpb.RunArchive) { a.Env = map[string]string{"LD_PRELOAD": "x"} }, "LD_PRELOAD"),
		)
	})

	Describe("keys", func() {
		BeforeEach(func() { r.prepare() })

		It("adds those that are missing, for root only", func() {
			Expect(os.MkdirAll(target("root/.ssh"), 0o755)).To(Succeed())
			Expect(os.WriteFile(target("root/.ssh/authorized_keys"), []byte("ssh-rsa AAA old"), 0o644)).To(Succeed())
			for range 2 {
				r.must(key("ssh-rsa BBB new\n\nssh-rsa AAA old\n"))
			}
			Expect(os.ReadFile(target("root/.ssh/authorized_keys"))).To(Equal([]byte("ssh-rsa AAA old\nssh-rsa BBB new\n")))
			for name, mode := range map[string]os.FileMode{"root/.ssh": 0o700, "root/.ssh/authorized_keys": 0o600} {
				info, err := os.Stat(target(name))
				Expect(err).NotTo(HaveOccurred())
				Expect(info.Mode().Perm()).To(Equal(mode), name)
			}
		})

		It("makes the home of root when the image has none", func() {
			r.must(key("ssh-rsa AAA\n"))
			Expect(target("root/.ssh/authorized_keys")).To(BeAnExistingFile())
		})

		It("adds those of the deployment system itself", func() {
			o := key("ssh-rsa AAA\n")
			o.GetInstallKey().Root = "/"
			r.must(o)
			Expect(os.ReadFile(filepath.Join(r.disk, "ram/root/.ssh/authorized_keys"))).To(Equal([]byte("ssh-rsa AAA\n")))
			Expect(target("root/.ssh")).NotTo(BeAnExistingFile())
		})

		It("follows links inside the image and never out of it", func() {
			outside := GinkgoT().TempDir()
			Expect(os.MkdirAll(target("home/root"), 0o755)).To(Succeed())
			Expect(os.Symlink("/home/root", target("root"))).To(Succeed())
			r.must(key("ssh-rsa AAA\n"))
			Expect(target("home/root/.ssh/authorized_keys")).To(BeAnExistingFile())
			Expect(os.Remove(target("root"))).To(Succeed())
			Expect(os.Symlink(outside, target("root"))).To(Succeed())
			Expect(r.do(key("ssh-rsa AAA\n")).Ok).To(BeFalse())
			Expect(filepath.Join(outside, ".ssh")).NotTo(BeAnExistingFile())
		})

		It("refuses a file of keys that is no file", func() {
			Expect(os.MkdirAll(target("root/.ssh/authorized_keys"), 0o755)).To(Succeed())
			Expect(r.do(key("ssh-rsa AAA\n")).Error).To(ContainSubstring("no regular file"))
		})
	})

	It("lays a note into the deployed system, for it to call home, and shows its token to nobody", func() {
		r.prepare()
		Expect(os.MkdirAll(target("etc/systemd"), 0o755)).To(Succeed())
		note := phonehome.Note{URL: "http://10.77.0.1:25302/phone-home/node-1", Token: strings.Repeat("0a", 16), Digest: strings.Repeat("d1", 32)}
		o := &agentpb.Order{Step: "phone_home", Kind: &agentpb.Order_PhoneHome{PhoneHome: &agentpb.PhoneHome{
			Root: "/mnt/dest", Url: note.URL, Token: note.Token, Digest: note.Digest}}}
		r.must(o)
		Expect(os.ReadFile(target(phonehome.File))).To(Equal(note.Text()))
		Expect(target("etc/systemd/system/multi-user.target.wants/kadeploy-phone-home.service")).To(BeAnExistingFile())
		Expect(os.RemoveAll(target("etc"))).To(Succeed())
		Expect(os.Symlink(GinkgoT().TempDir(), target("etc"))).To(Succeed())
		Expect(r.do(o).Error).To(And(HavePrefix("phone home: "), Not(ContainSubstring(note.Token))))
	})

	It("checks files, and names each that is missing", func() {
		r.prepare()
		Expect(os.Mkdir(target("boot"), 0o755)).To(Succeed())
		Expect(r.do(check("/vmlinuz", "/boot")).Error).To(Equal("in the deployed image, /vmlinuz does not exist; /boot is no regular file"))
	})

	It("stops a long script when it is aborted, and takes the next order", func() {
		r.prepare()
		content := tarball([2]string{"go.sh", "#!/bin/sh\ntouch $KADEPLOY_ENV_EXTRACTION_DIR/running\nsleep 1000\n"})
		path := filepath.Join(GinkgoT().TempDir(), "post.tgz")
		Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
		r.session.Offer("post", path)
		ctx, cancel := context.WithCancelCause(context.Background())
		done := make(chan error, 1)
		go func() { _, err := r.session.Do(ctx, script("post", "go.sh", len(content)), nil); done <- err }()
		Eventually(target("running"), "5s").Should(BeAnExistingFile())
		why := errors.New("cut")
		cancel(why)
		Eventually(done, "10s").Should(Receive(MatchError(why)))
		r.must(sync())
	})
})

var _ = Describe("An agent with a small disk", func() {
	var r *rig
	BeforeEach(func() {
		r = newRig()
		r.start(func(c *agent.Config) {
			disk, err := dirdisk.Open(dirdisk.Config{Root: r.disk, Capacity: 100 << 10})
			Expect(err).NotTo(HaveOccurred())
			c.Machine = disk
		})
		r.prepare()
	})

	It("refuses an image that needs more, before it listens and writes", func() {
		result := r.do(broadcast(tarball([2]string{"usr/lib/big", strings.Repeat("big", 100000)}), func(r *agentpb.Receive) { r.Size = 300000 }).order)
		Expect(result.Error).To(Equal("receive: no space left on device: the image needs 1 MiB, and /mnt/dest has room for 0 MiB; nothing was written"))
		Expect(os.ReadDir(filepath.Join(r.disk, "part", "3"))).To(BeEmpty())
	})

	It("takes one that needs all of it, also a second time", func() {
		content := strings.Repeat("big!", 24<<10)
		for range 2 {
			result, _ := r.send(broadcast(tarball([2]string{"usr/lib/big", content}), func(r *agentpb.Receive) { r.Size = uint64(len(content)) }))
			Expect(result.Ok).To(BeTrue(), result.Error)
		}
	})

	It("says that an image does not fit", func() {
		result, link := r.send(broadcast(tarball([2]string{"usr/lib/big", strings.Repeat("big", 100000)}), nil))
		Expect(result.Error).To(ContainSubstring(`unpack "usr/lib/big": no space left on device`))
		Expect(link.OK).To(BeFalse())
		Expect(link.Cause).To(ContainSubstring("no space left on device"))
	})
})

var _ = It("An agent with a slow disk keeps in touch as often as the order says", func() {
	r := newRig()
	r.start(func(c *agent.Config) {
		disk, err := dirdisk.Open(dirdisk.Config{Root: r.disk, Rate: 512 << 10})
		Expect(err).NotTo(HaveOccurred())
		c.Machine = disk
	})
	r.prepare()
	raw := broadcast([]byte(strings.Repeat("sector", 100000)), func(r *agentpb.Receive) {
		r.Kind, r.Compression, r.Target = "dd", "none", "/dev/sda3"
		r.Stall, r.SlowDisk = durationpb.New(300*time.Millisecond), durationpb.New(0)
	})
	result, link := r.send(raw) // the head takes it for dead after this silence
	Expect(result.Ok).To(BeTrue(), result.Error)
	Expect(link.OK).To(BeTrue(), link.Cause)
	Expect(link.Elapsed).To(BeNumerically(">", time.Second))
})

var _ = It("An agent whose disk keeps something else than it was given says so, when it is to look", func() {
	for _, verify := range []bool{false, true} {
		r := newRig()
		r.start(func(c *agent.Config) {
			disk, err := dirdisk.Open(dirdisk.Config{Root: r.disk})
			Expect(err).NotTo(HaveOccurred())
			c.Machine = forgetful{disk, filepath.Join(r.disk, "raw", "3")}
		})
		r.prepare()
		raw := broadcast([]byte(strings.Repeat("sector", 100000)), func(r *agentpb.Receive) {
			r.Kind, r.Compression, r.Target, r.Verify = "dd", "none", "/dev/sda3", verify
		})
		result, _ := r.send(raw)
		Expect(result.Ok).To(Equal(!verify))
		if verify {
			Expect(result.Error).To(ContainSubstring("write the image: read the image back: the disk does not hold what was written from byte 0 to 599999"))
		}
	}
})

// forgetful is a machine whose disk loses a sector of each image.
type forgetful struct {
	machine.Machine
	file string
}

func (f forgetful) Device(device string, size int64) (machine.Device, error) {
	d, err := f.Machine.Device(device, size)
	return losing{d, f.file}, err
}

type losing struct {
	machine.Device
	file string
}

func (l losing) Commit(ctx context.Context) error {
	f, err := os.OpenFile(l.file, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(make([]byte, 512), 300_000)
		f.Close()
	}
	return errors.Join(err, l.Device.Commit(ctx))
}
