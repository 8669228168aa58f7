package workflow

import (
	"fmt"
	"strings"
	"time"
)

// Boot is a system that a node boots.
type Boot string

// The systems of a deployment.
const (
	BootDeploy  Boot = "deploy"  // the deployment system, over the network
	BootNFSRoot Boot = "nfsroot" // the same with its root file system on a server
	BootUser    Boot = "user"    // the system that was deployed, or whatever the node boots by itself
)

// Level is how roughly a node is rebooted.
type Level string

// The reboot levels, each surer than the one before.
const (
	Soft     Level = "soft"
	Hard     Level = "hard"
	VeryHard Level = "very_hard"
)

// Step is one micro-step of an instance.
type Step struct {
	Micro  Micro
	Boot   Boot    // switch_pxe, set_vlan: what the node is to boot next; wait_reboot: what must come up; kexec: deploy in SetDeploymentEnv; "" elsewhere
	Level  Level   // reboot: the level to start with; "" elsewhere
	Custom *Custom // custom_pre, custom_sub, custom_post: what to do; nil elsewhere; not to be changed
}

// String is the step as people and transcripts know it: "reboot(hard)".
func (s Step) String() string {
	switch {
	case s.Level != "":
		return fmt.Sprintf("%s(%s)", s.Micro, s.Level)
	case s.Boot != "":
		return fmt.Sprintf("%s(%s)", s.Micro, s.Boot)
	case s.Custom != nil:
		return fmt.Sprintf("%s(%s)", s.Micro, s.Custom.Name)
	}
	return string(s.Micro)
}

// Plan is the way of one node through an operation. Nobody changes a Plan after it was made: nodes may share it.
type Plan struct {
	Macros  []MacroPlan // in the order they are walked, each with one instance at least
	Skipped []Skipped   // configured instances that are not in Macros
}

// Has says whether a micro-step is in any of the plan's instances.
func (p Plan) Has(micro Micro) bool {
	for _, m := range p.Macros {
		for _, i := range m.Instances {
			if indexOf(i.Steps, micro) >= 0 {
				return true
			}
		}
	}
	return false
}

// MacroPlan is a macro-step and the ways of doing it, in the order they are tried.
type MacroPlan struct {
	Macro     Macro
	Instances []InstancePlan
}

// InstancePlan is one way of doing a macro-step.
type InstancePlan struct {
	Name    string
	Tries   int           // 1 or more
	Timeout time.Duration // of each try; 0: none
	Steps   []Step
	Break   Micro // a breakpoint: after Steps, before this one, the node leaves the operation and stays as it is; "": there is none
}

// Skipped is a configured instance that no node will try.
type Skipped struct {
	Macro  Macro
	Name   string
	Reason string // follows the name: "needs a BitTorrent tracker, not in this version: use Chain"
}

// kexecFallbackGrace is what Kadeploy3 adds to the reboot timeout for the Classical that replaces a Kexec.
const kexecFallbackGrace = 200 * time.Second

// NewPlan makes the plan of a deployment for one node: the configured instances of the three macro-steps, each with the
// micro-steps of Kadeploy3 1.4 that the bypass rules leave for this node's facts, up to the breakpoint, with the custom operations.
//
// Instances that this version cannot do, those with 0 tries and a Dummy beside others are skipped and listed. The error, one line, names the
// macro-step that is left with no instance, or what in the facts makes the deployment impossible.
func NewPlan(configured map[Macro][]Spec, facts Facts) (Plan, error) {
	if err := facts.check(); err != nil {
		return Plan{}, err
	}
	var plan Plan
	for _, macro := range []Macro{SetDeploymentEnv, BroadcastEnv, BootNewEnv} {
		m := MacroPlan{Macro: macro}
		var skipped []Skipped
		specs := facts.replace(macro, configured[macro])
		for _, spec := range specs {
			if reason := facts.skips(macro, spec, specs); reason != "" {
				skipped = append(skipped, Skipped{macro, spec.Name, reason})
				continue
			}
			steps := facts.bypass(macro, recipe(macro, spec.Name))
			if err := facts.fit(macro, spec.Name, steps); err != nil {
				return Plan{}, err
			}
			m.Instances = append(m.Instances, InstancePlan{Name: spec.Name, Tries: spec.Tries, Timeout: spec.Timeout, Steps: steps})
		}
		if len(m.Instances) == 0 {
			return Plan{}, noInstance(macro, skipped)
		}
		plan.Macros = append(plan.Macros, m)
		plan.Skipped = append(plan.Skipped, skipped...)
	}
	if err := plan.breakAt(facts.Breakpoint); err != nil {
		return Plan{}, err
	}
	for _, micro := range facts.PauseAfter {
		plan.pauseAfter(micro)
	}
	plan.customize(facts.Custom)
	return plan, nil
}

func noInstance(macro Macro, skipped []Skipped) error {
	if len(skipped) == 0 {
		return fmt.Errorf("%s has no instance: add a line macrostep = %s|%s:1:400", macro, macro, string(macro)+Instances(macro)[0])
	}
	var why []string
	for _, s := range skipped {
		why = append(why, s.Name+" "+s.Reason)
	}
	return fmt.Errorf("%s has no instance left: %s", macro, strings.Join(why, "; "))
}

// NewRebootPlan makes the plan of a reboot request (Kadeploy3 1.4): one try of the macro-step Reboot, without a time limit but
// those of its steps. kind is an instance of Reboot; with a key, users may log in to the deployment system of DeployEnv.
func NewRebootPlan(level Level, kind string, key bool) (Plan, error) {
	if err := checkLevel("reboot", level); err != nil {
		return Plan{}, err
	}
	if ok, reason := Supported(Reboot, kind); !ok {
		return Plan{}, fmt.Errorf("reboot %s %s", quote(kind), reason)
	}
	steps := []Step{{Micro: RebootNode, Level: level}, {Micro: WaitReboot, Boot: BootUser}}
	switch kind {
	case "DeployEnv":
		steps = []Step{{Micro: SwitchPXE, Boot: BootDeploy}, {Micro: RebootNode, Level: level}, {Micro: WaitReboot, Boot: BootDeploy}}
		if key {
			steps = append(steps, Step{Micro: SendKeyInDeployEnv})
		}
	case "RecordedEnv":
		steps = append([]Step{{Micro: SwitchPXE, Boot: BootUser}}, steps...)
	}
	return Plan{Macros: []MacroPlan{{Reboot, []InstancePlan{{Name: kind, Tries: 1, Steps: steps}}}}}, nil
}

// NewPowerPlan makes the plan of a request to switch power (Kadeploy3 1.1, kapower3): one try of one step, PowerOn, PowerOff or
// PowerCycle, which nothing is waited for after.
func NewPowerPlan(what Micro, level Level) (Plan, error) {
	if err := checkLevel("power", level); err != nil {
		return Plan{}, err
	}
	steps := []Step{{Micro: what, Level: level}}
	return Plan{Macros: []MacroPlan{{Power, []InstancePlan{{Name: "Simple", Tries: 1, Steps: steps}}}}}, nil
}

func checkLevel(of string, level Level) error {
	switch level {
	case Soft, Hard, VeryHard:
		return nil
	}
	return fmt.Errorf("%s level %s: expected %s, %s or %s", of, quote(string(level)), Soft, Hard, VeryHard)
}
