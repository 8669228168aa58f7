package actors_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/phonehome"
)

// silent is a node whose deployed system does not call by itself.
const silent = "sandbox_fault=never-calls"

// callingSite is a site whose deployed systems have to say which image they are.
func callingSite(b blueprint) *site {
	GinkgoHelper()
	s := plannedSite(GinkgoT().TempDir(), b)
	s.global = map[string]string{"http_listen": s.server().String() + ":25302"}
	s.cluster = map[string]string{"phone_home": "true"}
	s.write()
	s.start()
	DeferCleanup(s.close)
	return s
}

// note is what lies on a node's disk.
func (s *site) note(node string) phonehome.Note {
	GinkgoHelper()
	n, err := phonehome.Parse([]byte(s.disk(node, phonehome.File)))
	Expect(err).NotTo(HaveOccurred())
	return n
}

// calls makes a call from an address and returns the status of its answer.
func calls(ctx context.Context, from netip.Addr, n phonehome.Note) (int, error) {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL, bytes.NewReader(n.Text()))
	if err != nil {
		return 0, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// hears calls for the system on a node, from the node's address; not twice within the pause between two calls.
func (s *site) hears(node int, n phonehome.Note) int {
	GinkgoHelper()
	var status int
	Eventually(func() (int, error) {
		var err error
		status, err = calls(context.Background(), s.addr(node), n)
		return status, err
	}).ShouldNot(Equal(http.StatusServiceUnavailable))
	return status
}

// boots waits until a node is told to boot the new system.
func (o *operation) boots(node string) {
	GinkgoHelper()
	o.until(node+" boots the new system", func(e *message.Event) bool {
		n := e.GetNode()
		return n.GetNode() == node && n.GetMacro() == "BootNewEnv" && n.GetMicro() == "wait_reboot" && n.GetPhase() == message.NodePhase_RUNNING
	})
}

var _ = Describe("A node whose new system has to say which image it is", func() {
	It("is OK when it has, as the report and the list of nodes say", func() {
		s := callingSite(blueprint{nodes: 2})
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		for _, node := range s.names() {
			Expect(o.report(node).GetConfirmed()).To(BeTrue())
			Expect(s.state(node).GetConfirmed()).To(BeTrue())
			Expect(s.disk(node, "etc/kadeploy/phone-home.sh")).NotTo(BeEmpty())
			Eventually(filepath.Join(s.root(node), phonehome.File)).ShouldNot(BeAnExistingFile(), "the note is gone")
		}
	})

	It("is tried again and then KO when that answers on ssh, and does not call", func() {
		s := callingSite(blueprint{nodes: 2, node: map[int]string{2: silent + " timeout_reboot=3"}})
		o := s.run(s.deployment())
		Expect(o.report("node-1").GetPhase()).To(Equal(message.NodePhase_OK))
		ko := o.report("node-2")
		Expect(ko.GetPhase()).To(Equal(message.NodePhase_KO))
		Expect(ko.GetCause()).To(HaveSuffix("the new system answers on ssh, but has not called with its image's digest"))
		Expect(ko.GetConfirmed()).To(BeFalse())
		Expect(o.retriesOf("node-2")).To(Equal(1))

		token := s.note("node-2").Token
		events, err := json.Marshal(o.events)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(events)).NotTo(ContainSubstring(token), "it is secret")
		Expect(s.log.String()).NotTo(ContainSubstring(token))
		Expect(s.hears(2, s.note("node-2"))).To(Equal(http.StatusNotFound), "the operation is over")
	})

	It("is KO for good when another image runs", func() {
		s := callingSite(blueprint{nodes: 1, node: map[int]string{1: silent}})
		o := s.begin(s.deployment())
		o.boots("node-1")
		other := s.note("node-1")
		other.Digest = strings.Repeat("e", 64)
		Expect(s.hears(1, other)).To(Equal(http.StatusNoContent))
		o.end()
		Expect(o.report("node-1").GetPhase()).To(Equal(message.NodePhase_KO))
		Expect(o.report("node-1").GetCause()).To(ContainSubstring("another system runs than was deployed: it says that its image is sha256 " + other.Digest))
		Expect(o.retriesOf("node-1")).To(BeZero())
		Expect(s.state("node-1").GetConfirmed()).To(BeFalse())
	})

	It("is not confirmed by a stranger's token, from elsewhere, or by a call that is played again", func() {
		s := callingSite(blueprint{nodes: 2, node: map[int]string{1: silent, 2: silent}})
		o := s.begin(s.deployment())
		o.boots("node-1")
		o.boots("node-2")
		one, two := s.note("node-1"), s.note("node-2")
		Expect(one.Token).NotTo(Equal(two.Token))
		mixed := one
		mixed.Token = two.Token
		Expect(s.hears(1, mixed)).To(Equal(http.StatusNotFound))
		Expect(s.hears(2, one)).To(Equal(http.StatusNotFound))
		Expect(s.hears(1, one)).To(Equal(http.StatusNoContent))
		Expect(s.hears(1, one)).To(Equal(http.StatusNotFound))
		o.settled("node-1", message.NodePhase_OK)
		Expect(s.hears(2, two)).To(Equal(http.StatusNoContent))
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
	})

	It("need not when its environment says so, and must when it says so", func() {
		s := callingSite(blueprint{nodes: 1, node: map[int]string{1: silent}})
		s.file("image.env", description("images/image.tar|tar", "phone_home : false"))
		o := s.run(s.deployment())
		Expect(o.ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.report("node-1").GetConfirmed()).To(BeFalse())

		s = newSite(blueprint{nodes: 1})
		s.file("image.env", description("images/image.tar|tar", "phone_home : true"))
		Expect(s.client().refused(s.deployment()).GetText()).To(ContainSubstring("the site must set http_listen and http_url"))
	})

	It("is refused where nobody could lay the note into it", func() {
		s := callingSite(blueprint{nodes: 1})
		s.file("image.env", strings.Replace(description("images/image.tar|ddgz"), "environment_kind : linux", "environment_kind : other", 1))
		r := s.deployment()
		r.BlockDevice = "/dev/sda"
		Expect(s.client().refused(r).GetText()).To(ContainSubstring("phone_home lays a file into the deployed system, which must be mounted"))
	})

	It("is still heard after the server was restarted, with the token that it has", func() {
		s := callingSite(blueprint{nodes: 1, memory: true, lasting: true, node: map[int]string{1: silent}})
		o := s.begin(s.deployment())
		o.boots("node-1")
		note := s.note("node-1")
		Eventually(s.rackConsole("node-1")).Should(ContainSubstring("root file system mounted"), "it needs nothing of the server any more to boot")
		s.restart()
		seen := len(o.events)
		o = s.resumed(o)
		o.boots("node-1")
		Expect(s.note("node-1")).To(Equal(note))
		Eventually(func() int { return s.hears(1, note) }).Should(Equal(http.StatusNoContent), "as soon as the node waits again")
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.report("node-1").GetConfirmed()).To(BeTrue())
		Expect(o.steps("node-1", seen)).To(HaveEach("wait_reboot"), "it is not booted again")
		Expect(o.report("node-1").GetTries()).To(BeEquivalentTo(1))
		s.restart()
		Expect(s.state("node-1").GetConfirmed()).To(BeTrue())
	})

	It("need not when it was given no note, whatever the site says since the server was restarted", func() {
		s := callingSite(blueprint{nodes: 1, memory: true})
		s.cluster["phone_home"] = "false"
		s.write()
		s.restart()
		o := s.begin(s.deployment())
		o.boots("node-1")
		s.cluster["phone_home"] = "true"
		s.write()
		s.restart()
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.report("node-1").GetConfirmed()).To(BeFalse())
	})

	It("has said so for good when its call is answered: that was written down before", func() {
		var db *ailing
		s := callingSite(blueprint{nodes: 1, memory: true, node: map[int]string{1: silent + " sandbox_fault=slow-boot:1 timeout_reboot=3"},
			store: func(s actors.Store) actors.Store {
				db = &ailing{Store: s}
				return db
			}})
		o := s.begin(s.deployment())
		o.boots("node-1")
		db.mu.Lock()
		short, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		_, err := calls(short, s.addr(1), s.note("node-1"))
		cancel()
		db.mu.Unlock()
		Expect(errors.Is(err, context.DeadlineExceeded)).To(BeTrue(), "no answer as long as it is not written down")
		Expect(s.hears(1, s.note("node-1"))).To(Equal(http.StatusNoContent))
		Expect(os.Remove(filepath.Join(s.root("node-1"), phonehome.File))).To(Succeed())
		s.restart()
		o = s.resumed(o)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), "its machine died with the server, and what boots again does not call again: "+o.ended.String())
		Expect(o.report("node-1").GetConfirmed()).To(BeTrue())
	})
})
