package actors_test

import (
	"archive/tar"
	"bytes"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

// endless makes an image that takes long to read and no room on the disk: a system with one huge hole.
func (s *site) endless() string {
	GinkgoHelper()
	const size = 16 << 30
	var head bytes.Buffer
	w := tar.NewWriter(&head)
	Expect(w.WriteHeader(&tar.Header{Name: "hole", Mode: 0o644, Size: size})).To(Succeed())
	s.file("endless.tar", head.String())
	Expect(os.Truncate(s.path("endless.tar"), int64(head.Len())+size+1024)).To(Succeed())
	return description("endless.tar|tar")
}

// aborted is what a cancelled operation leaves behind: every node says so and is free again.
func (o *operation) aborted() {
	GinkgoHelper()
	Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ABORTED), o.ended.GetText())
	Expect(o.ended.GetText()).To(ContainSubstring("by eve"))
	Expect(o.phases()).To(Equal(all(o.site, message.NodePhase_CANCELLED)))
	o.site.free()
}

var _ = Describe("A deployment that is cancelled", func() {
	It("while its image is being read leaves the machines alone", func() {
		s := newSite(blueprint{})
		r := s.deployment()
		r.Environment = []byte(s.endless())
		o := s.begin(r)
		o.until("the image being read", func(e *message.Event) bool { return e.GetNote() != nil })
		s.cancel(o.id)
		o.end()
		o.aborted()
		Expect(s.states()).To(Equal([]string{"free", "free", "free"}), "nobody touched them")
		s.untouched()
	})

	DescribeTable("ends at once, whatever its nodes are doing", func(step string, times, nodes int, words string) {
		node := make(map[int]string)
		for n := range nodes {
			node[n+1] = words
		}
		s := newSite(blueprint{node: node})
		o := s.begin(s.deployment())
		for range times {
			o.enters("node-1", step)
		}
		if fault, hangs := strings.CutPrefix(words, "sandbox_fault=hung-order:"); hangs { // it happens once: now
			Eventually(s.rackConsole("node-1")).Should(ContainSubstring("kind=hung-order step=" + fault))
		}
		s.cancel(o.id)
		o.end()
		o.aborted()
		Expect(o.site.states()).To(HaveEach("aborted"))
		s.cancel(o.id) // once more is no error
		again := s.run(s.deployment())
		Expect(again.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), again.ended.GetText())
	},
		Entry("booting the deployment system", "wait_reboot", 1, 3, "sandbox_fault=slow-boot:0.4 timeout_reboot=10"),
		Entry("partitioning", "create_partition_table", 1, 1, "sandbox_fault=hung-order:create_partition_table"),
		Entry("receiving the image", "send_environment", 1, 1, "sandbox_fault=hung-order:send_environment"),
		Entry("booting the new system", "wait_reboot", 2, 3, "sandbox_fault=slow-boot:0.4 timeout_reboot=10"),
	)
})
