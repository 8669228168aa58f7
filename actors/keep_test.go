package actors

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
)

var _ = DescribeTable("What an agent has kept is a matter of the try that gave the order",
	func(want bool, change func(*agentpb.Kept)) {
		kept := &agentpb.Kept{Name: []byte("of this try"), Transfer: make([]byte, 16), Key: make([]byte, 32), Tls: true}
		change(kept)
		Expect(ofTry(kept, []byte("of this try"), true)).To(Equal(want))
		Expect(ofTry(kept, nil, true)).To(BeFalse(), "nothing is kept")
	},
	Entry("under way, or done", true, func(*agentpb.Kept) {}),
	Entry("failed", true, func(k *agentpb.Kept) { k.Error = "the disk is full" }),
	Entry("but not when nobody fed it any more", false, func(k *agentpb.Kept) { k.Error, k.Forsaken = "the head died", true }),
	Entry("nor that of another try, or of a disk that would be another one today", false, func(k *agentpb.Kept) { k.Name = []byte("of another try") }),
	Entry("nor the failure of that", false, func(k *agentpb.Kept) { k.Name, k.Error = []byte("of another try"), "the disk is full" }),
	Entry("nor one without TLS where the node wants it", false, func(k *agentpb.Kept) { k.Tls = false }),
	Entry("nor one with a key of another length", false, func(k *agentpb.Kept) { k.Key = nil }),
)
