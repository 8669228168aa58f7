package sfdisk_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/machine/sfdisk"
)

func TestSpecs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "sfdisk")
}

var _ = Describe("A script of sfdisk", func() {
	DescribeTable("asks for the partitions that sfdisk makes of it",
		func(script string) {
			if _, err := exec.LookPath("sfdisk"); err != nil {
				Skip("needs sfdisk of the package fdisk")
			}
			disk := filepath.Join(GinkgoT().TempDir(), "disk")
			Expect(os.WriteFile(disk, nil, 0o600)).To(Succeed())
			Expect(os.Truncate(disk, 10<<30)).To(Succeed())
			file, err := os.CreateTemp(GinkgoT().TempDir(), "script")
			Expect(err).NotTo(HaveOccurred())
			_, err = file.WriteString(script)
			Expect(err).NotTo(HaveOccurred())
			_, err = file.Seek(0, 0)
			Expect(err).NotTo(HaveOccurred())
			cmd := exec.Command("sfdisk", "--quiet", disk)
			cmd.Stdin = file
			out, err := cmd.CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), string(out))
			text, err := exec.Command("sfdisk", "--json", disk).Output()
			Expect(err).NotTo(HaveOccurred())
			var dump struct {
				Table struct {
					Partitions []struct {
						Node string
						Size int64
					}
				} `json:"partitiontable"`
			}
			Expect(json.Unmarshal(text, &dump)).To(Succeed())
			entries, err := sfdisk.Parse(script, disk, 512)
			Expect(err).NotTo(HaveOccurred())
			slices.SortFunc(entries, func(a, b sfdisk.Entry) int { return a.Number - b.Number })
			Expect(entries).To(HaveLen(len(dump.Table.Partitions)))
			for i, p := range dump.Table.Partitions {
				Expect(p.Node).To(HaveSuffix("disk%d", entries[i].Number))
				if asked := entries[i].Size; asked != 0 {
					Expect(p.Size*512).To(BeNumerically("~", asked, 1<<20), "sizes go to whole MiB")
				}
			}
		},
		Entry(nil, "label: gpt\nsize=100M\nsize=1G, type=swap\nsize=+\n"),
		Entry(nil, "label: gpt\nsize=100MB\nsize=2GB\n,500MiB,S\n"),
		Entry(nil, "label: dos\n,409600,L\n- 50M\n"),
		Entry(nil, "label: dos\nsize=1G\nsize=2G, type=E\nsize=300M\nsize=+\n"),
		Entry(nil, "label: dos\nsize=1G\ntype=E\nsize=300M\nsize=+\n"),
		Entry(nil, "# two\nlabel: gpt\n\n2 : size=20480K\n# first\n1 : size=40000\n"),
	)

	DescribeTable("that nobody understands is an error",
		func(script, want string) {
			_, err := sfdisk.Parse(script, "/dev/sda", 512)
			Expect(err).To(MatchError(ContainSubstring(want)))
		},
		Entry(nil, "label: gpt\n", "has no partition"),
		Entry(nil, "size=much\n", `line 1: size "much"`),
		Entry(nil, "size=9999999999T\n", "more than any disk has"),
		Entry(nil, "/dev/sdb1 : size=1M\n", "numbers go from 1 to 128"),
		Entry(nil, "label: gpt\n"+strings.Repeat("size=1M\n", 129), "line 130: partition numbers go from 1 to 128"),
		Entry(nil, strings.Repeat("1 : size=1M\n", 129), "line 129: partition numbers go from 1 to 128"),
	)
})
