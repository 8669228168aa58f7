package pxe_test

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/pxe"
)

var (
	addr   = netip.MustParseAddr("10.77.0.11")
	mac, _ = net.ParseMAC("AA:BB:CC:00:11:22")
)

var _ = Describe("The name of a node's profile", func() {
	DescribeTable("is what its firmware asks for",
		func(naming pxe.Naming, want string) {
			Expect(pxe.FileName(naming, addr, mac, "node-1.lab")).To(Equal(want))
		},
		Entry("ip_hex, in capitals", pxe.IPHex, "0A4D000B"),
		Entry("nothing said", pxe.Naming(""), "0A4D000B"),
		Entry("ip", pxe.IP, "10.77.0.11"),
		Entry("mac", pxe.MAC, "01-aa-bb-cc-00-11-22"),
		Entry("hostname", pxe.Hostname, "node-1.lab"),
		Entry("hostname_short", pxe.HostnameShort, "node-1"),
	)
	DescribeTable("needs what it is made of",
		func(naming pxe.Naming, a netip.Addr, host, why string) {
			_, err := pxe.FileName(naming, a, nil, host)
			Expect(err).To(MatchError(ContainSubstring(why)))
		},
		Entry("ip_hex of IPv6", pxe.IPHex, netip.MustParseAddr("fd77::1"), "n", "IPv4"),
		Entry("ip of nothing", pxe.IP, netip.Addr{}, "n", "needs an address"),
		Entry("mac of nothing", pxe.MAC, addr, "n", "add mac="),
		Entry("a host name that climbs", pxe.Hostname, addr, "../evil", "not a host name"),
		Entry("a host name with a slash", pxe.Hostname, addr, "a/b", "not a host name"),
		Entry("a hidden host name", pxe.HostnameShort, addr, ".evil", "empty"),
		Entry("a naming nobody has", pxe.Naming("uuid"), addr, "n", "known: ip_hex"),
	)
	It("is searched for in PXELINUX's order", func() {
		Expect(pxe.SearchOrder(addr, mac)).To(Equal([]string{
			"01-aa-bb-cc-00-11-22", "0A4D000B", "0A4D000", "0A4D00", "0A4D0", "0A4D", "0A4", "0A", "0", "default",
		}))
		Expect(pxe.SearchOrder(netip.Addr{}, nil)).To(Equal([]string{"default"}))
	})
})

var _ = Describe("The directory of profiles", func() {
	var (
		root string
		dir  *pxe.Dir
		node = pxe.Node{Name: "node-1.lab", Addr: addr}
	)
	BeforeEach(func() {
		root = GinkgoT().TempDir()
		var err error
		dir, err = pxe.OpenDir(pxe.DirConfig{Root: root, Profiles: "pxelinux.cfg"})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(dir.Close)
	})
	files := func() []string {
		GinkgoHelper()
		entries, err := os.ReadDir(filepath.Join(root, "pxelinux.cfg"))
		Expect(err).NotTo(HaveOccurred())
		names := []string{}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}

	It("holds a node's profile under the node's name, and the newest one only", func() {
		Expect(dir.Write(node, pxe.FromDisk())).To(Succeed())
		Expect(dir.Write(node, pxe.Deployment("k", nil, ""))).To(Succeed())
		Expect(files()).To(Equal([]string{"0A4D000B"}))
		path, err := dir.Path(node)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.ReadFile(path)).To(ContainSubstring("KERNEL k"))

		Expect(dir.Remove(node)).To(Succeed())
		Expect(dir.Remove(node)).To(Succeed(), "nothing is left to remove")
		Expect(files()).To(BeEmpty())
	})

	It("shows a reader one whole profile at any time", func() {
		long := pxe.Deployment("long", nil, strings.Repeat("x ", 900))
		short := pxe.FromDisk()
		texts := map[string]bool{}
		for _, p := range []pxe.Profile{long, short} {
			text, err := p.Render()
			Expect(err).NotTo(HaveOccurred())
			texts[text] = true
		}
		Expect(dir.Write(node, long)).To(Succeed())
		path, err := dir.Path(node)
		Expect(err).NotTo(HaveOccurred())

		var wg sync.WaitGroup
		for _, p := range []pxe.Profile{long, short} {
			wg.Go(func() {
				defer GinkgoRecover()
				for range 100 {
					Expect(dir.Write(node, p)).To(Succeed())
				}
			})
		}
		for range 200 {
			text, err := os.ReadFile(path)
			Expect(err).NotTo(HaveOccurred())
			Expect(texts).To(HaveKey(string(text)))
		}
		wg.Wait()
		Expect(files()).To(HaveLen(1))
	})

	It("leaves the old profile in place when the new one is refused", func() {
		Expect(dir.Write(node, pxe.FromDisk())).To(Succeed())
		Expect(dir.Write(node, pxe.Deployment("", nil, ""))).To(MatchError(ContainSubstring("boot profile of node-1.lab")))
		path, _ := dir.Path(node)
		Expect(os.ReadFile(path)).To(ContainSubstring("LOCALBOOT"))
	})

	It("names the node and the file when it cannot write", func() {
		Expect(os.MkdirAll(filepath.Join(root, "pxelinux.cfg", "0A4D000B", "in-the-way"), 0o755)).To(Succeed())
		err := dir.Write(node, pxe.FromDisk())
		Expect(err).To(MatchError(And(ContainSubstring("node-1.lab"), ContainSubstring("pxelinux.cfg/0A4D000B"))))
		Expect(files()).To(Equal([]string{"0A4D000B"}), "no temporary file stays")
	})

	It("forgets half-written profiles of a server that was killed", func() {
		Expect(os.WriteFile(filepath.Join(root, "pxelinux.cfg", ".new-ABC"), nil, 0o644)).To(Succeed())
		again, err := pxe.OpenDir(pxe.DirConfig{Root: root, Profiles: filepath.Join(root, "pxelinux.cfg")})
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Close()).To(Succeed())
		Expect(files()).To(BeEmpty())
	})

	It("is never outside the TFTP root", func() {
		outside := GinkgoT().TempDir()
		Expect(os.Symlink(outside, filepath.Join(root, "link"))).To(Succeed())
		for _, profiles := range []string{"../evil", outside, "link/profiles"} {
			_, err := pxe.OpenDir(pxe.DirConfig{Root: root, Profiles: profiles})
			Expect(err).To(HaveOccurred(), profiles)
		}
		Expect(filepath.Glob(filepath.Join(outside, "*"))).To(BeEmpty())
	})
})
