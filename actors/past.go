package actors

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/workflow"
)

// past is what the events of an operation say of it, when a server finds it without an end.
type past struct {
	since    time.Time // of its start
	started  bool      // that was told
	last     time.Time // of the last that is known
	image    string    // as its start told it: the file, or the URL without what may be a secret in it
	digest   string    // of its image, once that was known to be good
	clusters map[string]string
	nodes    map[string]*workflow.Past
	inside   map[string]time.Time          // since when a node is in its macro-step
	boots    map[string]agentlink.Expected // that were waited for at the end, or whose agents had called
	roots    map[string]string             // what kernels call the deployed partitions
	calls    map[string][]byte             // that deployed systems are to make: digests of their tokens
	said     map[string]string             // by those that have: the sha256 of their images
	leaving  map[string]time.Time          // since when a node is on its way into the new system

	unrestored map[string]uint32   // of the images on their disks: attributes, ACLs and device nodes
	fetched    map[int]fetchedFile // pre- and post-installs from URLs, by their places in the description
}

// pastOf reads events in their order.
func pastOf(since time.Time, events []*message.Event) *past {
	p := &past{since: since, last: since, clusters: make(map[string]string), nodes: make(map[string]*workflow.Past), inside: make(map[string]time.Time),
		boots: make(map[string]agentlink.Expected), roots: make(map[string]string), calls: make(map[string][]byte), said: make(map[string]string),
		leaving: make(map[string]time.Time), unrestored: make(map[string]uint32), fetched: make(map[int]fetchedFile)}
	for _, e := range events {
		at := e.GetTime().AsTime()
		p.last = at
		switch {
		case e.GetStarted() != nil:
			p.started, p.image = true, e.GetStarted().GetImage()
			for _, n := range e.GetStarted().GetNodes() {
				p.clusters[n.GetName()] = n.GetCluster()
			}
		case e.GetNote().GetImageDigest() != "":
			p.digest = e.GetNote().GetImageDigest()
		case e.GetNote().GetFetched() != nil:
			f := e.GetNote().GetFetched()
			p.fetched[int(f.GetPlace())] = fetchedFile{place: int(f.GetPlace()), shown: f.GetUrl(), digest: f.GetSha256()}
		case e.GetNode() != nil:
			p.moved(at, e.GetNode())
		}
	}
	for host := range p.inside {
		p.leave(host, p.last)
	}
	return p
}

// phasesBack are the workflow's names of the phases.
var phasesBack = map[message.NodePhase]workflow.Phase{
	message.NodePhase_WAITING: workflow.PhaseWaiting, message.NodePhase_RUNNING: workflow.PhaseRunning, message.NodePhase_RETRYING: workflow.PhaseRetrying,
	message.NodePhase_OK: workflow.PhaseOK, message.NodePhase_KO: workflow.PhaseKO,
	message.NodePhase_CUT: workflow.PhaseCut, message.NodePhase_CANCELLED: workflow.PhaseCancelled,
}

func (p *past) moved(at time.Time, n *message.NodeChanged) {
	host := n.GetNode()
	w := p.nodes[host]
	if w == nil {
		w = &workflow.Past{}
		p.nodes[host] = w
	}
	if stop := n.GetInterrupted(); stop != nil { // what was waited for still is; the time in which nobody did is of no macro-step
		p.leave(host, stop.AsTime())
	} else {
		p.awaits(host, n)
		p.leaves(host, at, n)
	}
	if root := n.GetRoot(); root != "" {
		p.roots[host] = root
	}
	p.unrestored[host] = n.GetUnrestored()
	if workflow.Micro(n.GetMicro()) == workflow.SendEnvironment { // what lay on the disk is written over
		delete(p.calls, host)
		delete(p.said, host)
	}
	if call := n.GetCall(); len(call) == sha256.Size {
		p.calls[host], p.said[host] = call, ""
	}
	if said := n.GetSaid(); said != "" { // whatever the node itself is doing, and why
		p.said[host] = said
		return
	}
	w.Phase, w.Cause, w.Evidence, w.Stopped = phasesBack[n.GetPhase()], n.GetCause(), n.GetEvidence(), n.GetStopped()
	macro, instance, try := workflow.Macro(n.GetMacro()), n.GetInstance(), int(n.GetTry())
	if macro == "" { // it never ran
		return
	}
	if macro != w.Macro {
		p.leave(host, at)
	}
	if _, inside := p.inside[host]; !inside {
		p.inside[host] = at
	}
	if w.Macro != "" && macro != w.Macro && macro != w.Macros[0].Macro { // nodes go back to the first one only; this one is done
		w.At(w.Macro).Try = 0
	}
	m := w.At(macro)
	if m.Instance != instance || m.Try != try {
		m.Tries++
	}
	m.Instance, m.Try = instance, try
	w.Macro, w.Instance, w.Micro = macro, instance, workflow.Micro(n.GetMicro())
	if w.Phase.Settled() {
		p.leave(host, at)
	}
}

// awaits keeps the boot of the deployment system that a node is in the middle of, or whose agent may call again: that is until the next
// boot is prepared.
func (p *past) awaits(host string, n *message.NodeChanged) {
	running := n.GetPhase() == message.NodePhase_RUNNING
	switch b, agent := n.GetBoot(), n.GetAgent(); {
	case running && len(b) == sha256.Size:
		p.boots[host] = agentlink.Expected{Token: [sha256.Size]byte(b), Until: n.GetBootUntil().AsTime()}
	case running && len(agent) == sha256.Size:
		p.boots[host] = agentlink.Expected{Certificate: [sha256.Size]byte(agent)}
	case !p.boots[host].Called(), phasesBack[n.GetPhase()].Settled(), running && preparesBoot(n):
		delete(p.boots, host)
	}
}

// preparesBoot says whether a node has come to where the agent before is not expected any more.
func preparesBoot(n *message.NodeChanged) bool {
	return workflow.Macro(n.GetMacro()) == workflow.SetDeploymentEnv && workflow.Micro(n.GetMicro()) == workflow.SwitchPXE
}

// leaves keeps since when a node waits for the new system.
func (p *past) leaves(host string, at time.Time, n *message.NodeChanged) {
	waits := workflow.Macro(n.GetMacro()) == workflow.BootNewEnv && workflow.Micro(n.GetMicro()) == workflow.WaitReboot
	if n.GetSaid() != "" { // whatever the node itself is doing
		return
	}
	_, known := p.leaving[host]
	switch running := n.GetPhase() == message.NodePhase_RUNNING; {
	case running && waits && !known:
		p.leaving[host] = at
	case !running, !waits:
		delete(p.leaving, host)
	}
}

// booting tells the nodes' pasts what is left of their boots, and how long they have had for those of systems that say who they are.
func (p *past) booting(now time.Time) {
	for host, b := range p.boots {
		p.nodes[host].Agent = b.Called()
		p.nodes[host].Booting = max(b.Until.Sub(now), 0)
	}
	for host, since := range p.leaving {
		if p.calls[host] != nil {
			p.nodes[host].Leaving = max(now.Sub(since), 1)
		}
	}
}

// booting is the boot that a node of an operation that goes on is in the middle of; nil when it is in none.
func (j *job) booting(host string) *agentlink.Expected {
	if j.past == nil {
		return nil
	}
	if b, ok := j.past.boots[host]; ok {
		return &b
	}
	return nil
}

// leave adds the time that a node was in its macro-step.
func (p *past) leave(host string, at time.Time) {
	since, inside := p.inside[host]
	if w := p.nodes[host]; inside && w != nil {
		w.At(w.Macro).Took += max(at.Sub(since), 0)
	}
	delete(p.inside, host)
}

func (p *past) counts() (ok, ko int) {
	for _, w := range p.nodes {
		switch w.Phase {
		case workflow.PhaseOK:
			ok++
		case workflow.PhaseKO:
			ko++
		}
	}
	return ok, ko
}

// abandoned is the truthful end of an operation that does not go on: what was settled is as it was, and of the others nobody knows.
func (p *past) abandoned(hosts []string, why string) *message.Ended {
	text := fmt.Sprintf("interrupted: the server was stopped at %s, and the operation was not resumed: %s", p.last.Local().Format(time.DateTime), why)
	ended := &message.Ended{Outcome: message.Outcome_FAILED, Text: line(text), Took: durationpb.New(time.Since(p.since))}
	for _, host := range hosts {
		n := &message.NodeReport{Name: host, Cluster: p.clusters[host], Phase: message.NodePhase_KO, Tries: 1, Cause: line("interrupted: " + why)}
		if w := p.nodes[host]; w != nil {
			if w.Phase.Settled() {
				n.Phase, n.Cause = phases[w.Phase], w.Cause
			}
			if n.Phase == message.NodePhase_OK {
				n.Cause = cmp.Or(w.Cause, incomplete(p.unrestored[host]))
			}
			for _, m := range w.Macros {
				n.Macros = append(n.Macros, macroTime(m.MacroTime))
				n.Tries += uint32(max(m.Tries-1, 0))
			}
			n.Stopped = w.Stopped
			n.Confirmed = n.Phase == message.NodePhase_OK && p.said[host] != ""
			if (n.Phase != message.NodePhase_OK || n.Stopped) && w.Macro != "" {
				n.State = fmt.Sprintf("%s/%s/%s", w.Macro, w.Instance, w.Micro)
			}
		}
		ended.Nodes = append(ended.Nodes, n)
	}
	return ended
}

func macroTime(m workflow.MacroTime) *message.MacroTime {
	return &message.MacroTime{Macro: string(m.Macro), Instance: m.Instance, Tries: uint32(m.Tries), Took: durationpb.New(m.Took)}
}
