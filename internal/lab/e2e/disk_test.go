//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
)

// fileOnDisk reads a file of the ext4 file system on a partition of the machine's disk, without mounting it.
func fileOnDisk(m *lab.Machine, partition int, path string) string {
	GinkgoHelper()
	text, err := exec.Command("debugfs", "-R", "cat "+path, partitionOf(m, partition)).Output()
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

// fileSystemSize is what the ext4 file system on a partition of the machine's disk says of itself, in bytes.
func fileSystemSize(m *lab.Machine, partition int) int {
	GinkgoHelper()
	text, err := exec.Command("debugfs", "-R", "show_super_stats -h", partitionOf(m, partition)).Output()
	Expect(err).NotTo(HaveOccurred())
	size := 1
	for _, field := range []string{"Block count", "Block size"} {
		found := regexp.MustCompile(field + `: +(\d+)`).FindSubmatch(text)
		Expect(found).NotTo(BeNil(), string(text))
		n, err := strconv.Atoi(string(found[1]))
		Expect(err).NotTo(HaveOccurred())
		size *= n
	}
	return size
}

// partitionOf is how debugfs is told of a partition of the machine's disk.
func partitionOf(m *lab.Machine, partition int) string {
	GinkgoHelper()
	out, err := exec.Command("sfdisk", "-J", m.Disk()).Output()
	Expect(err).NotTo(HaveOccurred(), "the disk has a partition table")
	var t struct {
		PartitionTable struct {
			Label      string
			Partitions []struct{ Start, Size int64 }
		}
	}
	Expect(json.Unmarshal(out, &t)).To(Succeed())
	Expect(len(t.PartitionTable.Partitions)).To(BeNumerically(">=", partition))
	return fmt.Sprintf("%s?offset=%d", m.Disk(), t.PartitionTable.Partitions[partition-1].Start*512)
}
