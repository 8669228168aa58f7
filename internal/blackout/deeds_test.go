package blackout

import (
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("The judge of what must not be done twice", func() {
	const running, retrying, ok = message.NodePhase_RUNNING, message.NodePhase_RETRYING, message.NodePhase_OK
	who := doer{"node-1", custom}
	away := because("interrupted: the server was stopped")
	deeds := func(seconds ...float64) (all []deed) {
		for _, s := range seconds {
			all = append(all, deed{at: second(s)})
		}
		return all
	}
	judged := func(done []deed, events ...*message.Event) []string {
		turns, wrong := turnsOf(map[string][]*message.Event{"D": events}, nil)
		return append(wrong, judgeDeeds(who, turns[who], done)...)
	}

	It("has nothing against one that was done once, and again when the try began again", func() {
		Expect(judged(deeds(10.5), told(10, running, "custom_pre"), told(12, running, "sync"), told(20, ok, "wait_reboot"))).To(BeEmpty())
		Expect(judged(deeds(10.5, 32.5), told(10, running, "custom_pre"), told(30, retrying, "custom_pre", away), told(31, running, "await_agent"),
			told(32, running, "custom_pre"), told(34, running, "sync"), told(40, ok, "wait_reboot"))).To(BeEmpty())
		Expect(judged(deeds(32.1), told(10, running, "custom_pre"), told(31, retrying, "custom_pre", away), told(31.5, running, "await_agent"),
			told(32, running, "custom_pre"), told(34, running, "sync"), told(40, ok, "wait_reboot"))).To(BeEmpty(), "the first daemon died before it was done")
		Expect(judged(nil, told(10, running, "custom_pre"), told(30, retrying, "custom_pre", away))).To(BeEmpty(), "it was killed before")
	})
	It("finds one that was done twice", func() {
		Expect(judged(deeds(10.5, 11.5), told(10, running, "custom_pre"), told(12, running, "sync"), told(20, ok, "wait_reboot"))).
			To(ConsistOf(ContainSubstring("node-1: custom was done once more than it says")))
	})
	It("finds one of which no event speaks", func() {
		events := []*message.Event{told(10, running, "custom_pre"), told(12, running, "sync"), told(40, ok, "wait_reboot")}
		Expect(judged(deeds(10.5, 18), events...)).To(HaveLen(1))
		Expect(judged(deeds(10.5, 50), events...)).To(HaveLen(1))
	})
	It("finds a step that a node came to twice in a try", func() {
		Expect(judged(deeds(10.5, 14.5), told(10, running, "custom_pre"), told(12, running, "sync"), told(14, running, "custom_pre"), told(20, ok, "wait_reboot"))).
			To(ConsistOf(ContainSubstring("D: node-1 came to custom_pre twice in a try")))
	})
	It("finds one that was not done, though the node went on", func() {
		Expect(judged(nil, told(10, running, "custom_pre"), told(12, running, "sync"), told(20, ok, "wait_reboot"))).
			To(ConsistOf(ContainSubstring("custom was not done, and D says that it was")))
	})
	It("reads what scripts have written down", func() {
		dir := GinkgoT().TempDir()
		Expect(os.MkdirAll(diskOf(dir, "node-1"), 0o755)).To(Succeed())
		Expect(os.WriteFile(diskOf(dir, "node-1")+"/"+deedsFile, []byte("custom 2.500000000\npre-install 3.000000000\ncustom 4.000000000\n"), 0o644)).To(Succeed())
		all, err := readDeeds(dir, "node-1")
		Expect(err).NotTo(HaveOccurred())
		Expect(all[custom]).To(HaveLen(2))
		Expect(all[custom][0].at).To(BeTemporally("==", second(2.5)))
		Expect(all[preInstall]).To(HaveLen(1))
		Expect(readDeeds(dir, "node-2")).To(BeEmpty())
	})

	Describe("of the power of machines", func() {
		of := func(n *message.NodeChanged) { n.Macro = "Reboot" }
		judged := func(told []deed, kills []time.Time, events ...*message.Event) []string {
			turns, wrong := turnsOf(map[string][]*message.Event{"R": events}, map[string]string{"R": "soft"})
			who := doer{"node-1", powered}
			return append(wrong, judgeDeeds(who, turns[who], commands(told, kills))...)
		}
		kills := []time.Time{second(20)}
		twice := []*message.Event{told(10, running, "reboot", of), told(11, running, "wait_reboot", of), told(30, retrying, "wait_reboot", of, away),
			told(31, running, "reboot", of), told(32, running, "wait_reboot", of), told(40, ok, "wait_reboot", of)}

		It("has nothing against a reboot by each daemon, as gentle as it was asked for, and harder where that is not obeyed", func() {
			Expect(judged([]deed{{second(10.1), "soft", false}, {second(10.2), "hard", true}, {second(31.1), "soft", true}}, kills, twice...)).To(BeEmpty())
		})
		It("finds one too many, one that began too hard, and none", func() {
			Expect(judged([]deed{{second(10.1), "soft", true}, {second(10.2), "hard", true}, {second(31.1), "soft", true}}, kills, twice...)).To(HaveLen(1), "it was obeyed")
			Expect(judged([]deed{{second(10.1), "soft", true}, {second(31.1), "soft", true}, {second(33), "soft", true}}, kills, twice...)).To(ConsistOf(ContainSubstring("power was done once more")))
			Expect(judged([]deed{{second(10.1), "soft", true}, {second(31.1), "hard", true}}, kills, twice...)).To(ConsistOf("node-1: R was to reboot it soft, and began with hard"))
			Expect(judged([]deed{{second(10.1), "soft", true}}, kills, twice...)).To(ConsistOf(ContainSubstring("power was not done")))
		})
		It("finds a second try, which a request to reboot has not", func() {
			Expect(judged([]deed{{second(10.1), "soft", true}, {second(13.1), "soft", true}}, kills, told(10, running, "reboot", of), told(11, running, "wait_reboot", of),
				told(12, retrying, "wait_reboot", of, because("it did not come up")), told(13, running, "reboot", of), told(14, running, "wait_reboot", of), told(40, ok, "wait_reboot", of))).
				To(ConsistOf(ContainSubstring("R: node-1 came to reboot twice in a try")))
		})
	})
})
