package blackout

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
)

func TestBlackout(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Blackout")
}

// story makes the events of a deployment of node-1, one a second from a start on.
func story(from int, phases ...message.NodePhase) []*message.Event {
	events := []*message.Event{{Fact: &message.Event_Started{Started: &message.Started{Operation: message.Operation_DEPLOY, Environment: "system:1"}}}}
	for _, p := range phases {
		events = append(events, &message.Event{Fact: &message.Event_Node{Node: &message.NodeChanged{Node: "node-1", Phase: p}}})
	}
	last := phases[len(phases)-1]
	events = append(events, &message.Event{Fact: &message.Event_Ended{Ended: &message.Ended{
		Nodes: []*message.NodeReport{{Name: "node-1", Phase: last, Cause: "as told"}}}}})
	for i, e := range events {
		e.Seq, e.Time = uint64(i+1), timestamppb.New(time.Unix(int64(from+i), 0))
	}
	return events
}

var _ = Describe("The judge", func() {
	const running, ok, ko = message.NodePhase_RUNNING, message.NodePhase_OK, message.NodePhase_KO
	var dir string
	BeforeEach(func() { dir = GinkgoT().TempDir() })
	write := func(name, content string) {
		GinkgoHelper()
		path := filepath.Join(dir, "var", "disks", "node-1", "part", "3", name)
		Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
		Expect(os.WriteFile(path, []byte(content), 0o644)).To(Succeed())
	}
	verdict := func(operations map[string][]*message.Event) []string { return judge(dir, operations) }

	later := int(time.Now().Add(time.Hour).Unix()) // than what the specs write

	It("has nothing against a node that is OK and has the image", func() {
		write(release, "system")
		write(counted, "ran\n")
		Expect(verdict(map[string][]*message.Event{"A": story(later, running, ok), "B": story(later+10, running, ok)})).To(BeEmpty())
	})
	It("finds a node that is OK with another image, or whose disk was changed since", func() {
		write(release, "fetched-1")
		write(counted, "ran\n")
		Expect(verdict(map[string][]*message.Event{"A": story(later, running, ok)})).To(ConsistOf(ContainSubstring(`has not the image system but "fetched-1"`)))
		write(release, "system")
		Expect(verdict(map[string][]*message.Event{"A": story(0, running, ok)})).To(ConsistOf(ContainSubstring("when it had been OK since")))
	})
	It("finds a node that is OK without the image, or whose post-install ran twice", func() {
		Expect(verdict(map[string][]*message.Event{"A": story(0, running, ok)})).To(ConsistOf(ContainSubstring("has not the image")))
		write(release, "system")
		write(counted, "ran\nran\n")
		Expect(verdict(map[string][]*message.Event{"A": story(0, running, ok)})).To(ConsistOf(ContainSubstring("ran 2 times")))
	})
	It("finds a node that two operations have at once", func() {
		Expect(verdict(map[string][]*message.Event{"A": story(0, running, running, ko), "B": story(1, running, ko)})).
			To(ContainElement(ContainSubstring("two operations at once")))
	})
	It("finds a node that runs after it was settled", func() {
		Expect(verdict(map[string][]*message.Event{"A": story(0, running, ko, running, ko)})).
			To(ContainElement(ContainSubstring("was KO and is RUNNING")))
	})
	It("finds an operation without an end, and events that are missing", func() {
		events := story(0, running, running, ko)
		Expect(verdict(map[string][]*message.Event{"A": events[:3]})).To(ConsistOf(ContainSubstring("no end")))
		Expect(verdict(map[string][]*message.Event{"A": append(events[:1:1], events[2:]...)})).To(ContainElement(ContainSubstring("has number 3")))
	})
})
