package disklayout_test

import (
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/disklayout"
)

func TestSpecs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "disklayout")
}

const gib = 1 << 30

func size(text string) disklayout.Size {
	GinkgoHelper()
	s, err := disklayout.ParseSize(text)
	Expect(err).NotTo(HaveOccurred())
	return s
}

// mirrored is a layout with everything: two disks, a RAID 1 and a volume group on it.
func mirrored() *disklayout.Layout {
	return &disklayout.Layout{
		Label: "gpt", Disks: []string{"serial=A", "/dev/nvme0n1"},
		Partitions: []disklayout.Partition{
			{Role: "bios_grub", Size: size("1MiB")}, {Role: "esp", Size: size("256MiB")}, {Role: "lvm", Of: "vg0", Size: size("10%")},
			{Role: "raid", Of: "md0", Size: size("rest")}},
		Arrays: []disklayout.Array{{Name: "md0", Level: 1, Role: "lvm", Of: "vg0"}},
		Groups: []disklayout.Group{{Name: "vg0", Volumes: []disklayout.Volume{
			{Name: "root", Role: "deploy", Size: size("10GiB")}, {Name: "swap", Role: "swap", Size: size("5%")}, {Name: "tmp-1", Role: "tmp", Size: size("rest")}}}},
	}
}

func plain(label string, sizes ...string) *disklayout.Layout {
	l := &disklayout.Layout{Label: label}
	for i, s := range sizes {
		role := disklayout.None
		if i == 0 {
			role = disklayout.Deploy
		}
		l.Partitions = append(l.Partitions, disklayout.Partition{Role: role, Size: size(s)})
	}
	return l
}

var _ = Describe("A size", func() {
	DescribeTable("is bytes, a share, or the rest",
		func(text string, want disklayout.Size) { Expect(size(text)).To(Equal(want)) },
		Entry(nil, "1MiB", disklayout.Size{Bytes: 1 << 20}), Entry(nil, "20GiB", disklayout.Size{Bytes: 20 * gib}), Entry(nil, "2 TiB", disklayout.Size{Bytes: 2 << 40}),
		Entry(nil, "25%", disklayout.Size{Percent: 25}), Entry(nil, "rest", disklayout.Size{}),
	)
	DescribeTable("that is anything else is refused",
		func(text string) {
			_, err := disklayout.ParseSize(text)
			Expect(err).To(MatchError(ContainSubstring("size " + `"` + text)))
		},
		Entry(nil, ""), Entry(nil, "20G"), Entry(nil, "20GB"), Entry(nil, "-1MiB"), Entry(nil, "0GiB"), Entry(nil, "1.5GiB"), Entry(nil, "0%"), Entry(nil, "101%"), Entry(nil, "x%"),
		Entry(nil, "9999999999TiB"),
	)
})

var _ = Describe("A layout", func() {
	It("says where each role is", func() {
		l := mirrored()
		Expect(l.Check()).To(BeEmpty())
		Expect(l.Part(disklayout.Deploy)).To(Equal("/dev/vg0/root"))
		Expect(l.Part(disklayout.Prod)).To(BeEmpty())
		Expect(plain("gpt", "1GiB").Part(disklayout.Deploy)).To(Equal("1"))
		l.Arrays[0].Role = disklayout.Deploy
		Expect(l.Part(disklayout.Deploy)).To(Equal("/dev/md0"))
	})

	It("travels in an order, and is checked again on arrival", func() {
		l := mirrored()
		text, err := l.Encode()
		Expect(err).NotTo(HaveOccurred())
		Expect(disklayout.Decode(text)).To(Equal(l))
		for from, want := range map[string]string{`"md0"`: "want a name such as md0", `"gpt"`: "want gpt or dos", `"percent":10`: "neither bytes nor a share", `"label"`: "unknown field"} {
			_, err := disklayout.Decode([]byte(strings.ReplaceAll(string(text), from, map[string]string{
				`"md0"`: `"md0 /dev/sda"`, `"gpt"`: `"bsd"`, `"percent":10`: `"percent":-10`, `"label"`: `"name"`}[from])))
			Expect(err).To(MatchError(ContainSubstring(want)))
		}
	})

	It("is for its own disks, or for the one that the node has", func() {
		Expect(plain("gpt", "1GiB").On("/dev/sda")).To(Equal([]string{"/dev/sda"}))
		Expect(mirrored().On("serial=A")).To(Equal([]string{"serial=A", "/dev/nvme0n1"}))
		_, err := mirrored().On("/dev/sda")
		Expect(err).To(MatchError("the layout is for serial=A, /dev/nvme0n1, not for /dev/sda"))
	})

	It("gives every disk a script of sfdisk with its shares in bytes", func() {
		l := mirrored()
		extents, err := l.Extents(disklayout.Disk{Path: "/dev/sda", Size: 20 * gib})
		Expect(err).NotTo(HaveOccurred())
		Expect(l.Script(extents)).To(Equal(`label: gpt
start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649
start=2MiB, size=256MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
start=258MiB, size=2047MiB, type=E6D6D379-F507-44C2-A23C-238F2A3DF928
start=2305MiB, size=18174MiB, type=A19D880F-05FC-4D3B-A006-743F0F84911E
`))
		dos := plain("dos", "1GiB", "rest")
		dos.Partitions[1].Role = disklayout.Swap
		extents, err = dos.Extents(disklayout.Disk{Path: "/dev/sda", Size: 2*gib + 511})
		Expect(err).NotTo(HaveOccurred())
		Expect(dos.Script(extents)).To(Equal("label: dos\nstart=1MiB, size=1024MiB, type=83\nstart=1025MiB, size=1023MiB, type=82\n"))
	})

	DescribeTable("says when a disk is too small, before it is touched",
		func(label string, disk int64, want string, sizes ...string) {
			_, err := plain(label, sizes...).Extents(disklayout.Disk{Path: "/dev/sda", Size: disk})
			if want == "" {
				Expect(err).NotTo(HaveOccurred())
			} else {
				Expect(err).To(MatchError(want))
			}
		},
		Entry("the last megabyte of gpt is the second table's", "gpt", int64(gib), "", "1022MiB"),
		Entry(nil, "gpt", int64(gib), "the layout needs 1023 MiB, and /dev/sda has room for 1022 MiB", "1023MiB"),
		Entry(nil, "dos", int64(gib), "", "1023MiB"),
		Entry("all of it in shares", "gpt", int64(gib), "", "50%", "50%"),
		Entry("nothing is left for the rest", "gpt", int64(gib), "the layout needs 1023 MiB, and /dev/sda has room for 1022 MiB", "1022MiB", "rest"),
		Entry("no disk at all", "gpt", int64(0), "the layout needs 1 MiB, and /dev/sda has room for 0 MiB", "rest"),
	)

	It("is made by mdadm and lvm in this order", func() {
		var lines []string
		for _, c := range mirrored().Commands([]disklayout.Disk{{Path: "/dev/sda"}, {Path: "/dev/nvme0n1"}}) {
			line := c.Name
			for _, word := range c.Args {
				if !strings.ContainsAny(word, "{") && word != "--config" { // how lvm finds its way is the same each time
					line += " " + word
				}
			}
			lines = append(lines, line)
		}
		Expect(lines).To(Equal([]string{
			"mdadm --create /dev/md0 --run --force --metadata=1.2 --homehost=any --level=1 --raid-devices=2 /dev/sda4 /dev/nvme0n1p4",
			"lvm pvcreate --yes --force --force /dev/sda3 /dev/nvme0n1p3 /dev/md0",
			"lvm vgcreate --yes vg0 /dev/sda3 /dev/nvme0n1p3 /dev/md0",
			"lvm lvcreate --yes --wipesignatures y --name root --size 10240m vg0",
			"lvm lvcreate --yes --wipesignatures y --name swap --extents 5%VG vg0",
			"lvm lvcreate --yes --wipesignatures y --name tmp-1 --extents 100%FREE vg0",
		}))
		Expect(plain("gpt", "1GiB").Commands([]disklayout.Disk{{Path: "/dev/sda"}})).To(BeEmpty())
	})
})
