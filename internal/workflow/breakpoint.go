package workflow

import (
	"fmt"
	"slices"
	"strings"
)

// Breakpoint is a place where nodes leave the operation and stay as they are, before a step (Kadeploy3 1.6).
type Breakpoint struct {
	Macro    Macro
	Instance string // without the macro-step's name; "": every one
	Micro    Micro  // "": before the first one
}

// String is the breakpoint as users write it.
func (b Breakpoint) String() string {
	text := string(b.Macro) + b.Instance
	if b.Micro != "" {
		text += ":" + string(b.Micro)
	}
	return text
}

// ParseBreakpoint reads MACRO[:MICRO], where MACRO is a macro-step, BroadcastEnv, or one of its instances, BroadcastEnvChain.
func ParseBreakpoint(text string) (Breakpoint, error) {
	place, micro, named := strings.Cut(strings.TrimSpace(text), ":")
	macro, instance, err := parsePlace(place)
	if err != nil {
		return Breakpoint{}, fmt.Errorf("breakpoint %s: %w", quote(text), err)
	}
	if named {
		if err := checkMicro(micro); err != nil {
			return Breakpoint{}, fmt.Errorf("breakpoint %s: %w", quote(text), err)
		}
	}
	return Breakpoint{macro, instance, Micro(micro)}, nil
}

// parsePlace reads the name of a macro-step or of one of its instances.
func parsePlace(text string) (Macro, string, error) {
	var names []string
	for _, macro := range []Macro{SetDeploymentEnv, BroadcastEnv, BootNewEnv} {
		instance, found := strings.CutPrefix(text, string(macro))
		if found && (instance == "" || slices.Contains(Instances(macro), instance)) {
			return macro, instance, nil
		}
		names = append(names, string(macro))
		for _, i := range Instances(macro) {
			names = append(names, string(macro)+i)
		}
	}
	return "", "", fmt.Errorf("unknown macro-step %s%s: expected SetDeploymentEnv, BroadcastEnv or BootNewEnv, or one of their instances", quote(text), didYouMean(text, names))
}

func checkMicro(text string) error {
	var names []string
	for _, m := range Micros() {
		if text == string(m) {
			return nil
		}
		names = append(names, string(m))
	}
	return fmt.Errorf("unknown micro-step %s%s", quote(text), didYouMean(text, names))
}

// breakAt cuts the instances that the breakpoint is in. A plan that never comes there is refused: its nodes would not stop.
func (p *Plan) breakAt(b *Breakpoint) error {
	if b == nil {
		return nil
	}
	found := false
	for i := range p.Macros {
		m := &p.Macros[i]
		if m.Macro != b.Macro {
			continue
		}
		for j := range m.Instances {
			if m.Instances[j].breakAt(*b) {
				found = true
			}
		}
	}
	if !found {
		return fmt.Errorf("breakpoint %s: no way of these nodes comes there: see deploy --dry-run", b)
	}
	return nil
}

func (i *InstancePlan) breakAt(b Breakpoint) bool {
	if b.Instance != "" && b.Instance != i.Name {
		return false
	}
	at := 0
	if b.Micro != "" {
		at = indexOf(i.Steps, b.Micro)
	}
	if at < 0 || at >= len(i.Steps) {
		return false
	}
	i.Break = i.Steps[at].Micro
	i.Steps = slices.Clone(i.Steps[:at])
	return true
}

// pauseAfter stops nodes behind a step, in every instance that has it (Kadeploy3 1.3: the script breakpoint).
func (p *Plan) pauseAfter(micro Micro) {
	for i, m := range p.Macros {
		for j := range m.Instances {
			instance := &m.Instances[j]
			at := indexOf(instance.Steps, micro) + 1
			switch {
			case at == 0:
			case at < len(instance.Steps):
				instance.Break, instance.Steps = instance.Steps[at].Micro, slices.Clone(instance.Steps[:at])
			case i+1 < len(p.Macros) && instance.Break == "":
				next := p.Macros[i+1].Instances[0]
				if instance.Break = next.Break; len(next.Steps) > 0 {
					instance.Break = next.Steps[0].Micro
				}
			}
		}
	}
}
