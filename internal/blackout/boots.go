package blackout

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
)

// diary is what a machine did, by the log of the process that has it.
type diary struct {
	boots []time.Time
	hangs []time.Time // its agent ended but for being refused, or the firmware or a kernel gave up
	told  []deed      // reboots that its power was ordered
}

var machineLine = regexp.MustCompile(`^time=(\S+) level=DEBUG msg="sandbox machine (boots|hangs|is told)" node=(\S+)(.*)`)

// readDiaries reads the log of the machines' process.
func readDiaries(log io.Reader) (map[string]*diary, error) {
	all := make(map[string]*diary)
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		m := machineLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339, m[1])
		if err != nil {
			return nil, err
		}
		if all[m[3]] == nil {
			all[m[3]] = &diary{}
		}
		switch d := all[m[3]]; {
		case m[2] == "boots":
			d.boots = append(d.boots, at)
		case m[2] == "is told":
			told := deed{at: at}
			if n, _ := fmt.Sscanf(m[4], " op=reboot level=%s obeys=%t", &told.level, &told.obeyed); n == 2 {
				d.told = append(d.told, told)
			}
		case !strings.Contains(m[4], "refuses this agent"):
			d.hangs = append(d.hangs, at)
		}
	}
	return all, lines.Err()
}

// skew is how long before something is written down it may have happened.
const skew = time.Second

// dying is how long after a kill it may be seen what had happened before it: that an agent had ended, that a machine was told to boot.
const dying = 200 * time.Millisecond

// reunions are the times that nodes waited for their agents when the daemon was back, and that those called.
type reunions struct{ awaited, back int }

// judgeBoots holds what machines did against what the daemon said of them. A machine whose agent has called is in the deployment system
// until the daemon says that it leaves it: it does not boot meanwhile, whatever happens to the daemon, and the next daemon waits for its agent.
// And an agent that is waited for calls, unless it had ended before its connection broke.
func judgeBoots(operations map[string][]*message.Event, machines map[string]*diary, kills []time.Time) (r reunions, wrong []string) {
	for id, events := range operations {
		for node, changes := range byNode(events) {
			d := machines[node]
			if d == nil {
				d = &diary{}
			}
			wait, bad := d.follow(changes, kills)
			r.awaited += wait.awaited
			r.back += wait.back
			for _, what := range bad {
				wrong = append(wrong, fmt.Sprintf("%s: %s %s", id, node, what))
			}
		}
	}
	return r, wrong
}

// change is one event of a node.
type change struct {
	*message.NodeChanged
	at time.Time
}

func byNode(events []*message.Event) map[string][]change {
	nodes := make(map[string][]change)
	for _, e := range events {
		if n := e.GetNode(); n != nil {
			nodes[n.GetNode()] = append(nodes[n.GetNode()], change{n, e.GetTime().AsTime()})
		}
	}
	return nodes
}

func (d *diary) follow(changes []change, kills []time.Time) (r reunions, wrong []string) {
	var called time.Time // since when its agent is there; zero: it is not
	waiting := false
	var before time.Time // when an agent that is waited for had ended already, if it has
	for i, c := range changes {
		running := c.GetPhase() == message.NodePhase_RUNNING
		if waiting && !(running && c.GetMicro() == "await_agent") && !interrupted(c) {
			waiting = false
			switch {
			case running:
				r.back++
			case !terminalButKO(c.GetPhase()) && !d.hung(called, before):
				wrong = append(wrong, "waited in vain for an agent that lives: "+c.GetCause())
			}
		}
		if running && c.GetMicro() == "await_agent" && !waiting {
			waiting, before = true, c.at.Add(skew)
			if i > 0 && interrupted(changes[i-1]) {
				before = lastBefore(kills, c.at).Add(dying)
			}
			r.awaited++
		}
		if i > 0 && interrupted(changes[i-1]) && !called.IsZero() && running && c.GetMicro() != "await_agent" {
			wrong = append(wrong, fmt.Sprintf("came to %s at %s without waiting for its agent, which had called at %s",
				c.GetMicro(), c.at.Format(time.StampMilli), called.Format(time.StampMilli)))
		}
		if !called.IsZero() && (leaves(c) || terminal(c.GetPhase())) {
			for _, boot := range d.boots {
				if boot.After(called) && boot.Before(c.at.Add(-skew)) {
					wrong = append(wrong, fmt.Sprintf("booted at %s, and its agent was there from %s until it was in %s at %s",
						boot.Format(time.StampMilli), called.Format(time.StampMilli), c.GetMicro(), c.at.Format(time.StampMilli)))
				}
			}
			called = time.Time{}
		}
		if len(c.GetAgent()) > 0 {
			called = c.at
		}
	}
	return r, wrong
}

// hung says whether the machine hung between two moments.
func (d *diary) hung(from, to time.Time) bool {
	return slices.ContainsFunc(d.hangs, func(t time.Time) bool { return t.After(from) && t.Before(to) })
}

// lastBefore is the last of some moments before another; the zero Time when there is none.
func lastBefore(all []time.Time, moment time.Time) (last time.Time) {
	for _, t := range all {
		if t.Before(moment) {
			last = t
		}
	}
	return last
}

// interrupted says whether a change says only that the daemon was away.
func interrupted(c change) bool {
	return c.GetPhase() == message.NodePhase_RETRYING && c.GetCause() == "interrupted: the server was stopped"
}

// leaves says whether a node is about to boot: the agent before is not expected any more.
func leaves(c change) bool {
	switch c.GetMicro() {
	case "switch_pxe":
		return c.GetMacro() == "SetDeploymentEnv"
	case "reboot_from_deploy_env", "reboot":
		return true
	}
	return false
}

// terminalButKO are the ends for which a node need not have failed.
func terminalButKO(p message.NodePhase) bool { return terminal(p) && p != message.NodePhase_KO }
