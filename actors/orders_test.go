package actors_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors"
)

var _ = DescribeTable("What an agent says that a kernel calls the deployed partition", func(root string, taken bool) {
	Expect(actors.KernelsName(root)).To(Equal(taken))
},
	Entry("is a device", "/dev/sda3", true),
	Entry("or a volume", "/dev/vg0/root", true),
	Entry("or a partition by its UUID", "PARTUUID=0b3e5f6a-02", true),
	Entry("or the file system of an array by its own", "UUID=6f1c3b4e-0d5a-4c53-9d6e-0123456789ab", true),
	Entry("but not a label", "LABEL=root", false),
	Entry("nor two words", "/dev/sda3 init=/bin/sh", false),
	Entry("nor what is no UUID", "UUID=x", false),
	Entry("nor a file elsewhere", "/etc/passwd", false),
)
