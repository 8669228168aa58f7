package client_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/kadeploy/kadeploy/actors/client"
	"github.com/kadeploy/kadeploy/actors/message"
)

func TestClient(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(10 * time.Millisecond)
	RunSpecs(t, "Client")
}

var _ = Describe("Without a server", func() {
	It("dialling fails at once and says what to do", func() {
		before := gleak.Goroutines()
		_, err := client.Dial(context.Background(), client.Config{Server: "127.0.0.1:1"})
		Expect(err).To(MatchError(client.ErrNoServer))
		Expect(err.Error()).To(ContainSubstring("kadeploy-server start"))
		Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before))
	})
})

// One client and one daemon, in the order of a day: the link of a process is started once.
var _ = Describe("A client of a running server", Ordered, func() {
	var (
		d   *daemon
		c   *client.Client
		ctx context.Context
	)
	BeforeAll(func() {
		d = startDaemon(4)
		var err error
		c, err = client.Dial(context.Background(), client.Config{Server: d.server(), Identity: client.Local(d.socket()), Silence: 300 * time.Millisecond, Outage: time.Second})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
	})
	BeforeEach(func() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.Background(), time.Minute)
		DeferCleanup(cancel)
	})

	watch := func(id string) (*message.Ended, []*message.Event) {
		GinkgoHelper()
		var events []*message.Event
		ended, err := c.Watch(ctx, id, 0, func(e *message.Event) error {
			events = append(events, e)
			Expect(e.GetSeq()).To(BeEquivalentTo(len(events)))
			return nil
		})
		Expect(err).NotTo(HaveOccurred())
		return ended, events
	}

	It("is told every node and its state", func() {
		nodes, err := c.Nodes(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(nodes.GetNodes()).To(HaveLen(4))
		Expect(nodes.GetNodes()[3].GetName()).To(Equal("node-4"))
		Expect(nodes.GetNodes()[3].GetState()).To(Equal("free"))
	})

	It("hears what is wrong with a request", func() {
		_, err := c.Submit(ctx, d.deployment("node-99"))
		var refused *client.RefusedError
		Expect(errors.As(err, &refused)).To(BeTrue(), "%v", err)
		Expect(refused.Refused.GetCode()).To(Equal(message.Refusal_INVALID))
		Expect(err.Error()).To(ContainSubstring(`unknown node "node-99"`))
		_, err = c.Watch(ctx, "D-0", 0, nil)
		Expect(errors.As(err, &refused)).To(BeTrue(), "%v", err)
		Expect(c.Cancel(ctx, "D-0")).To(MatchError(ContainSubstring("D-0")))
		_, err = c.Status(ctx, "D-0")
		Expect(err).To(MatchError(ContainSubstring("D-0")))
	})

	It("refuses to send what the server would not read", func() {
		r := d.deployment("node-1")
		r.Key = make([]byte, 5<<20)
		_, err := c.Submit(ctx, r)
		Expect(err).To(MatchError(ContainSubstring("the request has")))
	})

	It("checks a request without starting it", func() {
		checked, err := c.Check(ctx, d.deployment("node-1", "node-2"))
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Join(checked.GetLines(), "\n")).To(ContainSubstring("on 2 nodes"))
		status, err := c.Status(ctx, "")
		Expect(err).NotTo(HaveOccurred())
		Expect(status.GetOperations()).To(BeEmpty())
	})

	It("sees a deployment from its start to its end, and again from any number", func() {
		id, err := c.Submit(ctx, d.deployment("node-1", "node-2"))
		Expect(err).NotTo(HaveOccurred())
		ended, events := watch(id)
		Expect(ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), ended.String())
		status, err := c.Status(ctx, id)
		Expect(err).NotTo(HaveOccurred())
		Expect(status.GetOperations()).To(HaveLen(1))
		owner, err := user.Current()
		Expect(err).NotTo(HaveOccurred())
		Expect(status.GetOperations()[0].GetUser()).To(Equal(owner.Username), "not who the client says")
		Expect(status.GetOperations()[0].GetOk()).To(BeEquivalentTo(2))

		first := uint64(0)
		_, err = c.Watch(ctx, id, uint64(len(events)-2), func(e *message.Event) error {
			if first == 0 {
				first = e.GetSeq()
			}
			return nil
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(first).To(BeEquivalentTo(len(events) - 2))
	})

	It("gives rights, shows them, and takes them away", func() {
		given, err := c.RightsAdd(ctx, &message.RightsAdd{User: "bob", Nodes: []string{"node-[1-2]"}, Part: "3"})
		Expect(err).NotTo(HaveOccurred())
		Expect(given.GetRights()).To(HaveLen(1))
		var refused *client.RefusedError
		_, err = c.RightsAdd(ctx, &message.RightsAdd{User: "carol", Nodes: []string{"node-[2-3]"}, Part: "3"})
		Expect(errors.As(err, &refused)).To(BeTrue(), "%v", err)
		Expect(refused.Refused.GetCode()).To(Equal(message.Refusal_BUSY))
		Expect(err).To(MatchError(ContainSubstring("bob holds node-2")))
		list, err := c.RightsList(ctx, "bob", []string{"node-2"})
		Expect(err).NotTo(HaveOccurred())
		Expect(list.GetRights()).To(HaveLen(1))
		Expect(list.GetRights()[0].GetNodes()).To(Equal("node-2"))
		left, err := c.RightsDel(ctx, &message.RightsDel{User: "bob", Nodes: []string{"*"}, Part: "*"})
		Expect(err).NotTo(HaveOccurred())
		Expect(left.GetRights()).To(BeEmpty())
		Expect(left.GetLost()).To(HaveLen(1))
	})

	It("adds a user, who logs in once with what that gives, and is shut out when he is deleted", func() {
		bob, err := c.UserAdd(ctx, "bob", false, time.Hour)
		Expect(err).NotTo(HaveOccurred())
		login := client.LoginConfig{Server: d.server(), Pin: bob.GetPin(), Token: bob.GetToken(), Dir: GinkgoT().TempDir()}
		wrong := login
		wrong.Pin = "sha256:" + strings.Repeat("00", 32)
		_, err = client.Login(ctx, wrong)
		Expect(err).To(HaveOccurred(), "a server of another pin was believed")
		Expect(client.Login(ctx, login)).To(Equal("bob"))
		login.Dir = GinkgoT().TempDir()
		_, err = client.Login(ctx, login)
		Expect(err).To(MatchError(ContainSubstring("was used already")))
		_, err = client.Dial(ctx, client.Config{Server: d.server(), Identity: client.Enrolled(login.Dir)})
		Expect(err).To(MatchError(client.ErrIdentity))
		users, err := c.UserList(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(users.GetUsers()).To(HaveLen(1))
		Expect(c.UserDel(ctx, "bob")).To(Succeed())
		Expect(c.UserDel(ctx, "bob")).To(MatchError(ContainSubstring("nobody has that name")))
	})

	It("puts environments into the catalogue, deploys them by name, and takes them out", func() {
		r := d.deployment("node-1")
		added, err := c.EnvAdd(ctx, &message.EnvAdd{Environment: r.GetEnvironment(), EnvironmentPath: r.GetEnvironmentPath(), Visibility: "public"})
		Expect(err).NotTo(HaveOccurred())
		Expect(added.GetImageDigest()).To(HaveLen(64))
		id, err := c.Submit(ctx, &message.Submit{Nodes: []string{"node-1"}, EnvironmentName: "tiny"})
		Expect(err).NotTo(HaveOccurred())
		ended, _ := watch(id)
		Expect(ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), ended.String())

		shown, err := c.EnvShow(ctx, &message.EnvRef{Name: "tiny"})
		Expect(err).NotTo(HaveOccurred())
		Expect(string(shown.GetText())).To(ContainSubstring(d.dir + "/image.tar|tar"))
		_, err = c.EnvVerify(ctx, &message.EnvRef{Name: "tiny"})
		Expect(err).NotTo(HaveOccurred())
		updated, err := c.EnvUpdate(ctx, &message.EnvUpdate{Env: &message.EnvRef{Name: "tiny"}})
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.GetChanges()).To(BeEmpty())
		set, err := c.EnvSet(ctx, &message.EnvSet{Env: &message.EnvRef{Name: "tiny"}, Visibility: "shared"})
		Expect(err).NotTo(HaveOccurred())
		Expect(set.GetEnvironments()).To(HaveExactElements(HaveField("Visibility", "shared")))
		moved, err := c.EnvMove(ctx, []*message.PathMove{{From: d.dir, To: "/nowhere"}}, true)
		Expect(err).NotTo(HaveOccurred())
		Expect(moved.GetEnvironments()).To(HaveExactElements(HaveField("Problem", ContainSubstring("/nowhere/image.tar"))))
		two := uint32(2)
		_, err = c.EnvAdd(ctx, &message.EnvAdd{Environment: append([]byte("version : 2\n"), bytes.Replace(r.GetEnvironment(), []byte("version : 1\n"), nil, 1)...), EnvironmentPath: r.GetEnvironmentPath()})
		Expect(err).NotTo(HaveOccurred())
		gone, err := c.EnvRemove(ctx, &message.EnvRef{Name: "tiny", Version: &two}, false)
		Expect(err).NotTo(HaveOccurred())
		Expect(gone.GetEnvironments()).To(HaveLen(1))
		_, err = c.EnvShow(ctx, &message.EnvRef{Name: "tiny", Version: &two})
		Expect(err).To(MatchError(ContainSubstring("no version 2")))
	})

	It("reboots what it deployed", func() {
		id, err := c.Reboot(ctx, []string{"node-1", "node-2"}, "soft")
		Expect(err).NotTo(HaveOccurred())
		ended, _ := watch(id)
		Expect(ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), ended.String())
	})

	It("is told what was done, what happened in it, and what that adds up to", func() {
		past, err := c.History(ctx, &message.HistoryRequest{Node: "node-2"})
		Expect(err).NotTo(HaveOccurred())
		Expect(past.GetOperations()).To(HaveExactElements(HaveField("Kind", "reboot"), HaveField("Kind", "deploy")))
		shown, err := c.Show(ctx, past.GetOperations()[1].GetId())
		Expect(err).NotTo(HaveOccurred())
		Expect(shown.GetNodes()).To(Equal("node-[1-2]"))
		Expect(shown.GetResults()).To(HaveLen(2))
		Expect(shown.GetTries()).To(HaveLen(6))
		var refused *client.RefusedError
		_, err = c.Show(ctx, "D-0")
		Expect(errors.As(err, &refused)).To(BeTrue(), "%v", err)
		Expect(refused.Refused.GetCode()).To(Equal(message.Refusal_UNKNOWN_ID))
		stats, err := c.Stats(ctx, &message.StatsRequest{Nodes: true})
		Expect(err).NotTo(HaveOccurred())
		Expect(stats.GetNodes()).To(HaveLen(2))
		Expect(stats.GetSteps()).To(BeEmpty())
		Expect(stats.GetDatabaseBytes()).NotTo(BeZero())
	})

	It("is told which disks nodes have, and what a deployment would do to them", func() {
		disks, err := c.Disks(ctx, []string{"node-2", "node-1"})
		Expect(err).NotTo(HaveOccurred())
		Expect(disks.GetNodes()).To(HaveExactElements(HaveField("Node", "node-2"), HaveField("Node", "node-1")))
		var refused *client.RefusedError
		_, err = c.Disks(ctx, []string{"node-99"})
		Expect(errors.As(err, &refused)).To(BeTrue(), "%v", err)
		checked, err := c.Check(ctx, d.deployment("node-1"))
		Expect(err).NotTo(HaveOccurred())
		Expect(checked.GetDisks()).To(HaveExactElements(HaveField("Problem", ContainSubstring("never seen"))))
	})

	It("may stop watching, by its own function or its context, and cancel", func() {
		id, err := c.Submit(ctx, d.deployment("node-4")) // it never boots
		Expect(err).NotTo(HaveOccurred())
		enough := errors.New("enough")
		_, err = c.Watch(ctx, id, 0, func(*message.Event) error { return enough })
		Expect(err).To(MatchError(enough))
		short, cancel := context.WithCancel(ctx)
		_, err = c.Watch(short, id, 0, func(*message.Event) error { cancel(); return nil })
		Expect(err).To(MatchError(context.Canceled))
		Expect(c.Cancel(ctx, id)).To(Succeed())
		ended, _ := watch(id)
		Expect(ended.GetOutcome()).To(Equal(message.Outcome_ABORTED))
	})

	It("is told when the server is killed, and no agent outlives that", func() {
		id, err := c.Submit(ctx, d.deployment("node-3")) // its agent hangs
		Expect(err).NotTo(HaveOccurred())
		_, err = c.Watch(ctx, id, 0, func(e *message.Event) error {
			if e.GetNode().GetMicro() == "format_deploy_part" {
				d.kill()
			}
			return nil
		})
		Expect(err).To(MatchError(client.ErrNoServer))
		Expect(err.Error()).To(ContainSubstring(id))
		Eventually(d.processes).Should(BeEmpty(), "processes left behind")
		_, err = c.Nodes(ctx)
		Expect(err).To(MatchError(client.ErrNoServer))
	})

	It("finds the catalogue as it was when the killed server is back", func() {
		d.run()
		list, err := c.EnvList(ctx, "t*", "", true)
		Expect(err).NotTo(HaveOccurred())
		Expect(list.GetEnvironments()).To(HaveLen(1))
		Expect(list.GetEnvironments()[0].GetVisibility()).To(Equal("shared"))
		id, err := c.Submit(ctx, &message.Submit{Nodes: []string{"node-1"}, EnvironmentName: "tiny"})
		Expect(err).NotTo(HaveOccurred())
		ended, _ := watch(id)
		Expect(ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK), ended.String())
	})
})

// file writes a file of the daemon's directory.
func (d *daemon) file(name string, content []byte) {
	GinkgoHelper()
	path := filepath.Join(d.dir, name)
	Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
	Expect(os.WriteFile(path, content, 0o644)).To(Succeed())
}
