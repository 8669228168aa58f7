package workflow_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

// FuzzDeployment plays random events against the promises of the package: see watch, and that the same events are answered
// in the same way, that no node runs more often than its tries allow, and that every deployment comes to its end, by failures
// alone as by nodes that walk on from where they stand.
func FuzzDeployment(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 2, 0, 3, 4, 0, 4, 1, 2, 0, 2, 1, 3, 0, 3, 1, 7, 0, 4, 0, 4, 0})
	f.Add([]byte{3, 5, 0, 0, 5, 8, 0, 0, 5, 16, 0, 0, 4, 0, 2, 0, 5, 34, 0, 0, 8, 255, 6, 0, 9, 1})
	f.Add([]byte{9, 2, 0, 0, 0, 0, 0, 0, 1, 3, 2, 0, 3, 0, 4, 0})
	f.Add([]byte{0, 0, 0, 1, 4, 1, 2, 1, 5, 26, 3, 1, 0, 1}) // behind the chain, a failure overtakes Passed
	f.Add([]byte{0, 0, 0, 1, 4, 1, 5, 26, 0, 1})             // a failure behind the chain that nobody can have come to
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) < 2 || len(script) > 1<<12 {
			return
		}
		first, second := newGame(t, script[0], script[1]), newGame(t, script[0], script[1])
		for i := 2; i+1 < len(script); i += 2 {
			a, b := first.step(script[i], script[i+1]), second.step(script[i], script[i+1])
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("the same events were answered with %v and %v", a, b)
			}
		}
		first.fail()
		second.walk()
	})
}

// game is a deployment of four different nodes.
type game struct {
	*player
	bound map[string]int              // runs of a host
	under map[string]workflow.Attempt // way of a host; none: its actor is to say Ready
}

var fuzzPlans = []map[string]string{
	{"set": "Untrusted:2:400,UntrustedCustomPreInstall:1:0", "admin_pre": "", "broadcast": "Chain:2:500,Kascade:1:0", "boot": "Classical:2:150,HardReboot:1:350"},
	{"set": "Untrusted:1:0", "broadcast": "Chain:3:500", "kind": "dd", "bootloader": "chainload_pxe", "user_post": ""},
	{"broadcast": "Dummy:2:0", "boot": "Dummy:1:0"},
	{"reboot": "soft"},
}

func newGame(t *testing.T, min, grace byte) *game {
	g := &game{player: &player{t: t, now: time.Unix(0, 0)}, bound: make(map[string]int), under: make(map[string]workflow.Attempt)}
	config := workflow.Config{MinNodes: int(min % 6), Grace: time.Duration(grace) * time.Second}
	retries := map[workflow.Micro]int{workflow.SendEnvironment: 1, workflow.WaitReboot: 2, workflow.Dummy: 1, workflow.Sync: 1}
	for i, o := range fuzzPlans {
		host := "n" + itoa(i+1)
		plan := g.hostPlan(o)
		config.Hosts = append(config.Hosts, workflow.HostPlan{Host: host, Plan: plan, StepRetries: retries, Reconnect: time.Minute})
		g.hosts = append(g.hosts, host)
		tries := 0
		for _, m := range plan.Macros {
			for _, i := range m.Instances {
				tries += i.Tries
			}
		}
		// Every try runs once, and again for each try in place; and all that once more when its agent comes back.
		g.bound[host] = tries * len(plan.Macros) * (1 + 1 + 2 + 1 + 1) * 2
	}
	g.d, g.watch = workflow.New(config), newWatch(g.hosts)
	return g
}

var (
	fuzzMicros = []workflow.Micro{
		"", workflow.RebootNode, workflow.WaitReboot, workflow.AwaitAgent, workflow.SendEnvironment,
		workflow.Sync, workflow.RebootFromDeployEnv, workflow.Dummy,
	}
	fuzzKinds = []workflow.Kind{
		workflow.KindRetry, workflow.KindTimeout, workflow.KindLost, workflow.KindRetry,
		workflow.KindTimeout, workflow.KindAway, workflow.KindFatal, workflow.KindBug,
	}
)

// step plays one event: its kind and, in the bits of arg, the host (one of five, of which one is unknown), micro-step and kind.
func (g *game) step(kind, arg byte) []workflow.Action {
	host := "n" + itoa(int(arg)%5+1)
	micro := fuzzMicros[int(arg)/5%8]
	switch kind % 11 {
	case 0:
		return g.handle(workflow.Ready{Host: host})
	case 1:
		return g.handle(workflow.Entered{Host: host, Micro: micro})
	case 2:
		return g.handle(workflow.Arrived{Host: host, Transfer: [...]string{"", "T", "U"}[int(kind)/11%3]})
	case 3:
		return g.handle(workflow.Passed{Host: host})
	case 4:
		return g.handle(workflow.Finished{Host: host})
	case 5, 6:
		failure := workflow.Failed{Host: host, Micro: micro, Kind: fuzzKinds[(int(kind)/11+int(arg)/40)%8]}
		return g.handle(failure)
	case 7:
		return g.handle(workflow.ChainEnded{})
	case 8:
		g.now = g.now.Add(time.Duration(arg) * time.Second)
		return g.handle(workflow.Wake{})
	case 9:
		g.now = g.now.Add(-time.Duration(arg) * time.Second)
		return g.handle(workflow.Wake{})
	}
	if arg == 0 {
		return g.handle(workflow.Cancel{Cause: "enough"})
	}
	return nil
}

func (g *game) handle(ev workflow.Event) []workflow.Action {
	actions := g.player.handle(ev)
	for _, a := range actions {
		switch a := a.(type) {
		case workflow.Run:
			g.under[a.Host] = a.Attempt
		case workflow.Retry:
			delete(g.under, a.Host)
		}
	}
	for host, runs := range g.watch.runs {
		if runs > g.bound[host] {
			g.t.Fatalf("%s ran %d times", host, runs)
		}
	}
	ok, ko, alive := g.d.Counts()
	phases := g.watch.phases
	if ok != phases[workflow.PhaseOK] || ko != phases[workflow.PhaseKO] || ok+ko+alive+phases[workflow.PhaseCut]+phases[workflow.PhaseCancelled] != len(g.hosts) {
		g.t.Fatalf("counts %d %d %d differ from %v", ok, ko, alive, phases)
	}
	g.d.Report(g.now)
	return actions
}

// fail lets every node fail until the deployment has ended.
func (g *game) fail() {
	for round := 0; !g.watch.ended; round++ {
		if round > 100 {
			g.t.Fatal("the deployment does not end")
		}
		for _, host := range g.hosts {
			g.handle(workflow.Ready{Host: host})
			g.handle(workflow.Failed{Host: host, Kind: workflow.KindRetry, Cause: "again"})
		}
	}
}

// walk lets every node do well what is left of its attempts, as its actor would, until the deployment has ended.
func (g *game) walk() {
	for round := 0; !g.watch.ended; round++ {
		if round > 100 {
			g.t.Fatal("the deployment does not end though every node does its attempts")
		}
		g.all(func(host string, _ bool) {
			if _, given := g.under[host]; !given {
				g.handle(workflow.Ready{Host: host})
			}
		})
		g.all(func(host string, chained bool) {
			if chained {
				g.handle(workflow.Arrived{Host: host})
			}
		})
		g.handle(workflow.ChainEnded{})
		g.now = g.now.Add(time.Hour)
		g.handle(workflow.Wake{})
		g.all(func(host string, chained bool) {
			if chained {
				g.handle(workflow.Passed{Host: host})
			}
			g.handle(workflow.Finished{Host: host})
		})
	}
}

// all visits each node, and says whether its attempt leads through the chain.
func (g *game) all(visit func(host string, chained bool)) {
	for _, host := range g.hosts {
		a := g.under[host]
		visit(host, slices.ContainsFunc(a.Steps[min(a.From, len(a.Steps)):], func(s workflow.Step) bool { return s.Micro == workflow.SendEnvironment }))
	}
}
