package actors_test

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
)

// untouched is what the machines' disks look like when no machine was ever on.
func (s *site) untouched() {
	GinkgoHelper()
	for _, node := range s.names() {
		Expect(filepath.Join(s.dir, "disks", node)).NotTo(BeAnExistingFile())
		Expect(s.rack.Console(node)).To(BeEmpty())
	}
}

// free means that every node may be asked for.
func (s *site) free() {
	GinkgoHelper()
	answer := s.client().ask(&message.Submit{ClientId: "free?", Operation: message.Operation_REBOOT, RebootLevel: "hard", Nodes: s.names(), DryRun: true})
	Expect(answer).To(BeAssignableToTypeOf(&message.Checked{}))
}

var _ = Describe("A request", func() {
	DescribeTable("that makes no sense is refused with one line that says why", func(change func(*site, *message.Submit), why string) {
		s := newSite(blueprint{})
		r := s.deployment()
		change(s, r)
		no := s.client().refused(r)
		Expect(no.GetCode()).To(Equal(message.Refusal_INVALID))
		Expect(no.GetText()).To(ContainSubstring(why))
		Expect(s.states()).To(Equal([]string{"free", "free", "free"}))
		s.untouched()
		s.free()
	},
		Entry("a node that nobody knows", func(_ *site, r *message.Submit) { r.Nodes = []string{"node-1", "node-99"} }, `unknown node "node-99"`),
		Entry("a node named twice", func(_ *site, r *message.Submit) { r.Nodes = []string{"node-1", "node-2", "node-1"} }, "node-1 is named twice"),
		Entry("no node", func(_ *site, r *message.Submit) { r.Nodes = nil }, "no nodes"),
		Entry("too many nodes", func(_ *site, r *message.Submit) { r.Nodes = make([]string, 20_001) }, "at most 20000"),
		Entry("more OK nodes than nodes", func(_ *site, r *message.Submit) { r.MinNodes = "4" }, "4"),
		Entry("minnodes that is no number", func(_ *site, r *message.Submit) { r.MinNodes = "most" }, "most"),
		Entry("an unknown operation", func(_ *site, r *message.Submit) { r.Operation = 7 }, "unknown operation"),
		Entry("an unknown field of the description", func(_ *site, r *message.Submit) {
			r.Environment = []byte(description("image.tar|tar", "kernle : /vmlinuz"))
		}, `unknown field "kernle"`),
		Entry("a description that is too long", func(_ *site, r *message.Submit) { r.Environment = make([]byte, 300<<10) }, "at most 262144 bytes"),
		Entry("no description", func(_ *site, r *message.Submit) { r.Environment = nil }, "no environment"),
		Entry("too many keys", func(_ *site, r *message.Submit) { r.Key = make([]byte, 65<<10) }, "ssh keys"),
		Entry("a reboot level that does not exist", func(_ *site, r *message.Submit) {
			r.Operation, r.RebootLevel = message.Operation_REBOOT, "gentle"
		}, "gentle"),
		Entry("a system that the site cannot boot", func(_ *site, r *message.Submit) {
			r.Environment = []byte("name : raw\nversion : 1\ntarball : image.tar|ddgz\nenvironment_kind : other\nfilesystem : ext4\nfdisktype : 83\n")
		}, "cannot boot a system of kind other"),
		Entry("an image that does not exist", func(_ *site, r *message.Submit) {
			r.Environment = []byte(description("nothing.tar|tar"))
		}, "no such file"),
		Entry("an image that is a directory", func(s *site, r *message.Submit) {
			Expect(os.Mkdir(s.path("dir.tar"), 0o755)).To(Succeed())
			r.Environment = []byte(description("dir.tar|tar"))
		}, "is a directory"),
	)

	DescribeTable("whose image is bad fails before a machine is touched", func(spoil func(*site) (description string), why string) {
		s := newSite(blueprint{})
		r := s.deployment()
		r.Environment = []byte(spoil(s))
		o := s.run(r)
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_FAILED))
		Expect(o.ended.GetText()).To(MatchRegexp(why))
		Expect(o.ended.GetText()).NotTo(ContainSubstring("\n"))
		Expect(o.phases()).To(Equal(all(s, message.NodePhase_KO)))
		Expect(o.report("node-1").GetCause()).To(ContainSubstring("not touched"))
		s.untouched()
		s.free()
	},
		Entry("truncated", func(s *site) string {
			s.file("cut.tar", string(theImage()[:500_000]))
			return description("cut.tar|tar")
		}, "cut.tar"),
		Entry("a spoiled byte in a compressed one", func(s *site) string {
			z := gzipped(theImage())
			z[len(z)/2] ^= 0xff
			s.file("spoiled.tgz", string(z))
			return description("spoiled.tgz|tgz")
		}, "spoiled.tgz"),
		Entry("another digest than its description says", func(s *site) string {
			return description("image.tar|tar", "sha256 : "+strings.Repeat("ab", 32))
		}, "SHA-256"),
		Entry("without the kernel that its description names", func(s *site) string {
			return strings.Replace(description("image.tar|tar"), "/vmlinuz", "/boot/bzImage", 1)
		}, "bzImage"),
		Entry("a post-install that is not there", func(s *site) string {
			return description("image.tar|tar", "postinstall : gone.tgz|tgz|post.sh")
		}, "gone.tgz"),
		Entry("a preinstall that is too large", func(s *site) string {
			s.file("huge.tgz", strings.Repeat("x", 21<<20))
			return description("image.tar|tar", "preinstall : huge.tgz|tgz|pre.sh")
		}, "max_preinstall_size"),
	)

	It("on nodes that are held is refused with who holds them, since when, and until when at the latest", func() {
		s := newSite(blueprint{cluster: map[string]string{"sandbox_boot_delay": "0.2"}})
		first := s.begin(s.deployment("node-1", "node-2"))
		first.enters("node-2", "reboot")
		Expect(s.state("node-2").GetHeld()).To(BeTrue())
		Expect(s.state("node-3").GetHeld()).To(BeFalse())
		until := s.state("node-2").GetUntil()
		Expect(until.AsTime()).To(BeTemporally(">", time.Now()))
		no := s.client().refused(s.deployment("node-2", "node-3"))
		Expect(no.GetCode()).To(Equal(message.Refusal_BUSY))
		Expect(no.GetText()).To(ContainSubstring("node-2 is held by " + first.id + " of ada since "))
		Expect(no.GetText()).To(ContainSubstring(", until " + until.AsTime().Local().Format(time.DateTime) + " at the latest"))
		Expect(no.GetBusy()).To(HaveLen(1))
		Expect(no.GetBusy()[0].GetUntil().AsTime()).To(Equal(until.AsTime()))
		Expect(no.GetBusy()[0].GetOperation()).To(Equal(first.id))
		Expect(no.GetBusy()[0].GetSince().AsTime()).To(BeTemporally("~", time.Now(), time.Minute))
		Expect(s.states()).To(Equal([]string{"deploying", "deploying", "free"}))
		first.end()
		Expect(s.state("node-2").GetHeld()).To(BeFalse())
		Expect(s.state("node-2").GetUntil()).To(BeNil())
		Expect(s.run(s.deployment("node-2", "node-3")).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
	})

	It("on other nodes runs beside it", func() {
		s := newSite(blueprint{})
		one, two := s.begin(s.deployment("node-1", "node-2")), s.begin(s.deployment("node-3"))
		one.end()
		two.end()
		Expect(one.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
		Expect(two.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))
		Expect(two.phases()).To(HaveLen(1))
	})

	It("that is only to be checked changes nothing", func() {
		s := newSite(blueprint{})
		r := s.deployment()
		r.DryRun = true
		c := s.client()
		answer := c.ask(r)
		Expect(answer).To(BeAssignableToTypeOf(&message.Checked{}))
		text := strings.Join(answer.(*message.Checked).GetLines(), "\n")
		Expect(text).To(ContainSubstring("deploy tiny:7 on 3 nodes"))
		Expect(answer.(*message.Checked).GetDisks()).To(HaveLen(3))
		Expect(s.states()).To(Equal([]string{"free", "free", "free"}))
		Expect(c.ask(&message.StatusRequest{ClientId: "s"}).(*message.Status).GetOperations()).To(BeEmpty())
		s.untouched()
	})

	It("to check tells that verify_image is in vain for a tar image", func() {
		s := newSite(blueprint{node: map[int]string{2: "verify_image=true"}})
		r := s.deployment()
		r.DryRun = true
		Expect(s.client().ask(r).(*message.Checked).GetLines()).To(ContainElement(
			"verify_image does nothing for a tar image: its files are not read back (nodes that ask for it: 1)"))
	})

	It("sent again with the same id is answered as the first time and runs once", func() {
		s := newSite(blueprint{})
		r := s.deployment("node-1")
		o := s.begin(r)
		c := s.client()
		Expect(proto.Equal(c.ask(r).(proto.Message), &message.Accepted{Id: o.id, ClientId: r.GetClientId()})).To(BeTrue())
		o.end()
		Expect(c.ask(r).(*message.Accepted).GetId()).To(Equal(o.id))
		Expect(c.ask(&message.StatusRequest{ClientId: "s"}).(*message.Status).GetOperations()).To(HaveLen(1))
	})

	It("read after its deadline is refused", func() {
		s := newSite(blueprint{})
		r := s.deployment()
		r.Deadline = timestamppb.New(time.Now().Add(-time.Second))
		Expect(s.client().refused(r).GetCode()).To(Equal(message.Refusal_STALE))
		Expect(s.states()).To(Equal([]string{"free", "free", "free"}))
	})

	It("about an operation that nobody knows is refused", func() {
		s := newSite(blueprint{})
		c := s.client()
		Expect(c.refused(&message.Cancel{Id: "D-0", ClientId: "c"}).GetCode()).To(Equal(message.Refusal_UNKNOWN_ID))
		Expect(c.refused(&message.StatusRequest{Id: "D-0", ClientId: "c"}).GetCode()).To(Equal(message.Refusal_UNKNOWN_ID))
	})
})
