package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/supervisor"
)

// strips are power strips: they take a second, and write down whom they cut.
type strips struct {
	mu      sync.Mutex
	did     []string
	fail    map[power.Level]bool
	forever bool
}

func (s *strips) note(level power.Level, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.did = append(s.did, text)
	if s.fail[level] {
		return errors.New("fuse blown")
	}
	return nil
}

func (s *strips) Do(_ context.Context, t power.Target, op power.Op, level power.Level) (power.Status, error) {
	return power.Unknown, s.note(level, fmt.Sprintf("%s %s %s", t.Name, op, level))
}

func (s *strips) DoGroup(ctx context.Context, targets []power.Target, op power.Op, level power.Level) error {
	var names []string
	for _, t := range targets {
		names = append(names, t.Name)
	}
	if s.forever {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.note(level, fmt.Sprintf("%s %s %s", strings.Join(names, "+"), op, level))
}

// What a spec of strips does: it asks for a node's reboot, and makes operations.
type (
	askPower     = func(j *job, name string, level power.Level) (answer <-chan powerResult, leave context.CancelFunc)
	newOperation = func(id string, names ...string) *job
)

// onStrips has two strips, a+b and c+d, whose hard command touches a whole strip, in fake time; the window has one place.
func onStrips(s *strips, body func(askPower, newOperation)) {
	GinkgoHelper()
	file := filepath.Join(GinkgoT().TempDir(), "groups")
	Expect(os.WriteFile(file, []byte("# strips\na, b\nc.lab,d.lab\n"), 0o600)).To(Succeed())
	synctest.Test(SuiteT, func(*testing.T) {
		defer GinkgoRecover()
		log := slog.New(slog.DiscardHandler)
		system, _ := supervisor.NewSystem(log)
		inForce := &snapshot{}
		inForce.Store(&config.Snapshot{Global: config.Global{RebootWindow: 1, RebootCommandTimeout: time.Minute}})
		r := newReboot(inForce, map[string]power.Driver{"command": s}, nil, log)
		pid := system.Root.Spawn(supervisor.Props(func() actor.Actor { return r }))
		operation := func(id string, names ...string) *job {
			j := &job{id: id, nodes: make(map[string]*hostJob)}
			for _, name := range names {
				n := &config.Node{Name: name + ".lab"}
				n.Power = "command"
				n.Commands = map[string]config.Command{"reboot_hard": {Argv: []string{"pdu"}, Group: file}}
				j.order = append(j.order, n.Name)
				j.nodes[n.Name] = &hostJob{node: n}
			}
			return j
		}
		here, leave := context.WithCancel(context.Background())
		defer leave()
		body(func(j *job, name string, level power.Level) (<-chan powerResult, context.CancelFunc) {
			ctx, cancel := context.WithCancel(here)
			reply := make(chan powerResult, 1)
			system.Root.Send(pid, powerRequest{ctx: ctx, node: j.nodes[name+".lab"].node, op: power.OpReboot, level: level, reply: reply, job: j})
			return reply, cancel
		}, operation)
		Expect(r.gathering).To(BeEmpty())
		Expect(r.window.all).To(BeZero())
		system.Root.Stop(pid)
		synctest.Wait()
		system.Shutdown()
	})
}

var _ = Describe("A command that touches a group of nodes", func() {
	It("is run once, when every node of the group needs it, and answers all", func() {
		s := &strips{}
		onStrips(s, func(ask askPower, operation newOperation) {
			j := operation("D-1", "a", "b", "c", "d")
			var replies []<-chan powerResult
			for _, name := range []string{"d", "a", "c", "b"} {
				time.Sleep(time.Second)
				reply, _ := ask(j, name, power.Hard)
				replies = append(replies, reply)
			}
			for _, reply := range replies {
				Expect(<-reply).To(Equal(powerResult{level: power.Hard}))
			}
			Expect(s.did).To(Equal([]string{"c.lab+d.lab reboot hard", "a.lab+b.lab reboot hard"}))
		})
	})

	It("is never run when a node of the group is not in the operation: the next level is tried", func() {
		s := &strips{}
		onStrips(s, func(ask askPower, operation newOperation) {
			reply, _ := ask(operation("D-1", "a", "c", "d"), "a", power.Hard)
			result := <-reply
			Expect(result.err).NotTo(HaveOccurred())
			Expect(result.notes).To(Equal([]string{"reboot hard: the command touches b, too, not in this operation"}))
			Expect(s.did).To(Equal([]string{"a.lab reboot very_hard"}))
		})
	})

	It("does not put the nodes of two operations together", func() {
		s := &strips{}
		onStrips(s, func(ask askPower, operation newOperation) {
			one, _ := ask(operation("D-1", "a", "b"), "a", power.Hard)
			two, _ := ask(operation("D-2", "a", "b"), "b", power.Hard)
			Expect((<-one).notes).To(HaveLen(1))
			Expect((<-two).notes).To(HaveLen(1))
			Expect(s.did).To(ConsistOf("a.lab reboot very_hard", "b.lab reboot very_hard"))
		})
	})

	It("does not cut a neighbour that is at work: it waits for him a little, and is left out then", func() {
		s := &strips{}
		onStrips(s, func(ask askPower, operation newOperation) {
			start := time.Now()
			reply, _ := ask(operation("D-1", "a", "b"), "a", power.Hard)
			result := <-reply
			Expect(time.Since(start)).To(Equal(gatherTime))
			Expect(result.level).To(Equal(power.VeryHard))
			Expect(result.notes).To(Equal([]string{"reboot hard: the command touches b.lab, too, which did not need it within 5s"}))
			Expect(s.did).To(Equal([]string{"a.lab reboot very_hard"}))
		})
	})

	It("that fails has each of them tried harder, and the last level's failure is the node's", func() {
		s := &strips{fail: map[power.Level]bool{power.Hard: true, power.VeryHard: true}}
		onStrips(s, func(ask askPower, operation newOperation) {
			j := operation("D-1", "a", "b")
			a, _ := ask(j, "a", power.Hard)
			b, _ := ask(j, "b", power.Hard)
			for _, reply := range []<-chan powerResult{a, b} {
				result := <-reply
				Expect(result.notes).To(Equal([]string{"reboot hard: fuse blown", "reboot very_hard: fuse blown"}))
				Expect(result.err).To(MatchError("reboot very_hard: fuse blown"))
			}
			Expect(s.did).To(HaveLen(3))
		})
	})

	It("ends when one who needed it is gone", func() {
		s := &strips{forever: true}
		onStrips(s, func(ask askPower, operation newOperation) {
			j := operation("D-1", "a", "b")
			a, _ := ask(j, "a", power.Hard)
			_, leave := ask(j, "b", power.Hard)
			synctest.Wait()
			leave()
			result := <-a
			Expect(result.notes).To(Equal([]string{"reboot hard: b.lab does not take part any more"}))
			Expect(result.level).To(Equal(power.VeryHard))
			Expect(s.did).To(Equal([]string{"a.lab reboot very_hard"}))
		})
	})
})
