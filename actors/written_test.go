package actors_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors"
	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/store"
)

// gated is a database that does not answer who writes that a node is in a step, until the gate is opened.
type gated struct {
	actors.Store
	step    string
	reached chan struct{} // closed when somebody wants to write that
	open    chan struct{}
	once    sync.Once
}

func (g *gated) Write(ctx context.Context, b store.Batch) error {
	for _, row := range b.Events {
		var e message.Event
		if err := proto.Unmarshal(row.Fact, &e); err != nil {
			return err
		}
		if n := e.GetNode(); n.GetMicro() == g.step && n.GetPhase() == message.NodePhase_RUNNING {
			g.once.Do(func() { close(g.reached) })
			select {
			case <-g.open:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return g.Store.Write(ctx, b)
}

// gatedSite is a site of one node with such a database.
func gatedSite(step string, more func(*blueprint)) (*site, *gated) {
	GinkgoHelper()
	g := &gated{step: step, reached: make(chan struct{}), open: make(chan struct{})}
	b := blueprint{nodes: 1, memory: true, cluster: postInstall(), store: func(s actors.Store) actors.Store {
		g.Store = s
		return g
	}}
	if more != nil {
		more(&b)
	}
	return newSite(b), g
}

var _ = Describe("A machine is left alone until it is written down what is to be done to it:", func() {
	DescribeTable("its agent is not ordered", func(step string) {
		s, db := gatedSite(step, nil)
		o := s.begin(s.demanding())
		Eventually(db.reached).Should(BeClosed())
		Consistently(s.rackConsole("node-1")).ShouldNot(ContainSubstring("step=" + step))
		close(db.open)
		Eventually(s.rackConsole("node-1")).Should(ContainSubstring("step=" + step))
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.report("node-1").GetTries()).To(BeEquivalentTo(1))
	},
		Entry("to partition", "create_partition_table"),
		Entry("to format", "format_deploy_part"),
		Entry("to receive the image", "send_environment"),
		Entry("to run a post-install", "manage_admin_post_install"),
		Entry("to reboot", "reboot_from_deploy_env"),
	)

	DescribeTable("its power is not touched", func(step string, r func(*site) *message.Submit) {
		var touched sync.Map
		s, db := gatedSite(step, func(b *blueprint) {
			b.driver = func(s *site) power.Driver {
				return driverFunc(func(ctx context.Context, t power.Target, op power.Op, level power.Level) (power.Status, error) {
					touched.Store(t.Name, true)
					return s.rack.Do(ctx, t, op, level)
				})
			}
		})
		isTouched := func() bool { _, yes := touched.Load("node-1"); return yes }
		o := s.begin(r(s))
		Eventually(db.reached).Should(BeClosed())
		Consistently(isTouched).Should(BeFalse())
		close(db.open)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(isTouched()).To(BeTrue())
	},
		Entry("in a deployment", "reboot", func(s *site) *message.Submit { return s.deployment() }),
		Entry("nor its boot profile written", "switch_pxe", func(s *site) *message.Submit { return s.deployment() }),
		Entry("by a request for that", "power_on", func(*site) *message.Submit { return switchPower(message.Operation_POWER_ON, "soft", "node-1") }),
	)

	It("nor is a node that waits so deaf to the end of its operation", func() {
		s, db := gatedSite("create_partition_table", nil)
		o := s.begin(s.deployment())
		Eventually(db.reached).Should(BeClosed())
		s.cancel(o.id)
		Eventually(s.states).Should(Equal([]string{"aborted"}))
		close(db.open)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ABORTED))
		Expect(o.report("node-1").GetState()).To(HaveSuffix("/create_partition_table"))
		Expect(s.rackConsole("node-1")()).NotTo(ContainSubstring("step=create_partition_table"))
	})
})

// failing is a site whose second node boots slowly, and whose database can be made to fail.
func failing(more func(*blueprint)) (*site, *ailing) {
	db := &ailing{}
	return slowSecond(func(b *blueprint) {
		b.store = func(s actors.Store) actors.Store {
			db.Store = s
			return db
		}
		if more != nil {
			more(b)
		}
	}), db
}

var _ = Describe("A database in the middle of an operation", func() {
	partitioned := func(s *site, node string) func() bool {
		return func() bool { return strings.Contains(s.rackConsole(node)(), "step=create_partition_table") }
	}

	It("that is full keeps nodes waiting before what acts, at no cost of their tries, and people are told", func() {
		s, db := failing(func(b *blueprint) {
			b.macros = []string{"SetDeploymentEnv|SetDeploymentEnvUntrusted:1:4", "BroadcastEnv|BroadcastEnvChain:1:20", "BootNewEnv|BootNewEnvClassical:1:20"}
		})
		o := s.begin(s.deployment("node-2"))
		o.enters("node-2", "wait_reboot")
		full := errors.New("no room on the disk")
		db.broken.Store(&full)
		Eventually(s.rackConsole("node-2")).Should(ContainSubstring("starting the agent"), "its machine boots all the same")
		Consistently(partitioned(s, "node-2"), 4*time.Second, 50*time.Millisecond).Should(BeFalse(), "for as long as a try")
		db.broken.Store(nil)
		Expect(o.end().GetOutcome()).To(Equal(message.Outcome_ALL_OK), o.ended.String())
		Expect(o.report("node-2").GetTries()).To(BeEquivalentTo(1))
		Expect(o.notes()).To(ContainElement(MatchRegexp(`^for [4-9]s nothing could be written down, and no node began a step that acts: no room on the disk$`)))
	})

	It("that another server has taken over ends this one, whose machines get no further order", func() {
		s, _ := failing(nil)
		ctx := context.Background()
		Expect(s.database.Claim(ctx, "this one")).To(Succeed())
		o := s.begin(s.deployment("node-2"))
		o.enters("node-2", "wait_reboot")
		another, err := sql.Open("sqlite", "file:"+s.path("kadeploy.db")+"?_pragma=busy_timeout(5000)")
		Expect(err).NotTo(HaveOccurred())
		_, err = another.ExecContext(ctx, "UPDATE reign SET epoch = epoch + 1, holder = 'another'")
		Expect(err).NotTo(HaveOccurred())
		Expect(another.Close()).To(Succeed())
		Eventually(s.tree.Failed()).Should(Receive(MatchError(ContainSubstring("another server has taken the database over"))))
		Expect(s.rackConsole("node-2")()).NotTo(ContainSubstring("step=create_partition_table"))
	})

	It("that does not answer has no broadcast begin for nodes that stood before it meanwhile", func() {
		s, db := failing(func(b *blueprint) { b.global = map[string]string{"broadcast_grace": "0.5"} })
		r := s.deployment()
		r.MinNodes = "1"
		o := s.begin(r)
		o.enters("node-1", "send_environment")
		db.mu.Lock()
		Consistently(s.rackConsole("node-1"), time.Second).ShouldNot(ContainSubstring("step=send_environment"))
		db.mu.Unlock()
		Expect(o.end().GetOutcome()).To(BeElementOf(message.Outcome_ALL_OK, message.Outcome_QUORUM), o.ended.String())
		Expect(o.report("node-1").GetPhase()).To(Equal(message.NodePhase_OK))
	})
})

// notes are the lines for people.
func (o *operation) notes() (all []string) {
	for _, e := range o.events {
		if text := e.GetNote().GetText(); text != "" {
			all = append(all, text)
		}
	}
	return all
}
