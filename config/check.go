package config

import (
	"slices"
	"time"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

// checkGlobal checks what several values must agree on.
func (b *builder) checkGlobal(s *Snapshot, layers stack) {
	g := &s.Global
	if g.Server == g.AgentsListen && !endsInPortZero(g.Server) {
		b.report.add(Error, layers.place(b.schema.byName["agents_listen"]), "", "agents_listen: %s is the address of the remote API", g.AgentsListen)
	}
	if _, err := ParseMinNodes(g.MinNodes, len(s.Nodes)); err != nil && len(s.Nodes) > 0 {
		b.report.add(Error, layers.place(b.schema.byName["minnodes"]), "", "%v", err)
	}
	if g.ProfileName == "mac" {
		for _, n := range s.Nodes {
			if n.MAC == nil {
				b.report.add(Error, s.origins[n.Name].entry.at, "add mac=52:54:00:...", "pxe_profile_name is mac, but %s has no hardware address", n.Name)
			}
		}
	}
	b.checkNetboot(s, layers)
	b.checkImageRoots(s, layers)
	if g.Environment != "" {
		b.checkEnvironment(g.Environment)
	}
}

// checkEnvironment reads the description that kadeploy start deploys.
func (b *builder) checkEnvironment(path string) {
	text, err := readFile(path, maxDescription)
	if err != nil {
		b.report.add(Error, position{source: &source{path: path}}, "", "%v", err)
		return
	}
	_, diagnostics := ParseEnvironment(text, path)
	b.report.list = append(b.report.list, diagnostics...)
}

func endsInPortZero(address string) bool { return len(address) > 2 && address[len(address)-2:] == ":0" }

// checkNode checks what a node and its settings must agree on.
func (b *builder) checkNode(n *Node, o origin) {
	if n.Power == "sandbox" && n.Addr.IsValid() && !n.Addr.IsLoopback() {
		b.report.add(Error, o.entry.at, "use 127.1.0.1 and on", "%s is a sandbox node, which needs a loopback address, not %s", n.Name, n.Addr)
	}
}

// checkSettings checks what settings must agree on among themselves.
func (b *builder) checkSettings(s *Settings, o origin) {
	rebooted := s.Commands["reboot_soft"].Argv != nil || s.Commands["reboot_hard"].Argv != nil || s.Commands["reboot_very_hard"].Argv != nil
	if s.Power == "command" && !rebooted {
		b.report.add(Error, position{source: o.layers[1].source}, "set cmd_soft_reboot or cmd_hard_reboot, or power = sandbox",
			"nodes of cluster %s have no command to reboot them", o.entry.cluster)
	}
	b.checkPower(s, o)
	b.checkParts(s, o)
	for _, macro := range []workflow.Macro{workflow.SetDeploymentEnv, workflow.BroadcastEnv, workflow.BootNewEnv} {
		b.checkMacrostep(macro, s, o)
	}
}

// checkMacrostep finds instances that are not tried, those that give up before the reboot they wait for, and a
// macro-step that is left with none.
func (b *builder) checkMacrostep(macro workflow.Macro, s *Settings, o origin) {
	facts := workflow.Facts{NoEntry: s.Control.NoLogin(), DeployInitrds: len(s.DeployInitrd), NFSRoot: s.NFSRootKernel != ""}
	usable := false
	for _, spec := range s.Macrosteps[macro] {
		at := b.placeOf(macro, spec, o)
		ok, reason := workflow.Usable(macro, spec.Name, s.Macrosteps[macro])
		if ok && spec.Tries > 0 {
			reason = facts.Lacks(macro, spec.Name)
			ok = reason == ""
		}
		if !ok {
			b.report.add(Warning, at, "", "%s%s is skipped: it %s", macro, spec.Name, reason)
			continue
		}
		usable = usable || spec.Tries > 0
		if limit := rebootTime(macro, spec.Name, s); spec.Timeout > 0 && limit > spec.Timeout {
			b.report.add(Warning, at, "give the instance more time, or lower timeout_reboot_classical",
				"%s%s gives up after %v, before the %v that a reboot may take", macro, spec.Name, spec.Timeout, limit)
		}
	}
	if !usable {
		b.report.add(Error, b.placeOf(macro, workflow.Spec{}, o), "", "%s has no instance that can be done", macro)
	}
}

// rebootTime is how long the instance may wait for a reboot (timeout of wait_reboot), 0 when it waits for none.
func rebootTime(macro workflow.Macro, name string, s *Settings) time.Duration {
	switch {
	case name == "Dummy" || name == "Prod" || macro == workflow.BroadcastEnv:
		return 0
	case name == "Kexec":
		return s.TimeoutRebootKexec
	}
	return s.TimeoutReboot
}

// placeOf is where the instance is written in the files in force, or else its macro-step, or else any of them.
func (b *builder) placeOf(macro workflow.Macro, spec workflow.Spec, o origin) position {
	k := b.schema.byName["macrostep"]
	at, sameMacro := o.layers.place(k), false
	for _, said := range o.layers.inForce(k) {
		for _, a := range said {
			v, _ := a.in(nodeContext(b.context, o.entry), newReport())
			m, specs, _ := workflow.ParseMacrostep(v.text)
			switch {
			case m == macro && slices.Contains(specs, spec):
				return a.at
			case m == macro && !sameMacro:
				at, sameMacro = a.at, true
			}
		}
	}
	return at
}
