package workflow

import (
	"slices"
	"time"
)

// Customs are what a site or a user wants done around or instead of one micro-step (Kadeploy3 1.6).
type Customs struct {
	Macro      Macro
	Instance   string // without the macro-step's name; "": every one
	Micro      Micro
	Pre, Post  []Custom // before and after it, in order
	Substitute []Custom // instead of the micro-step; none: it stays
}

// Custom is one custom operation.
type Custom struct {
	Name        string
	Do          Doing
	Command     string        // exec: a line for the shell of the deployment system
	File        string        // send, run: a file of the server
	Destination string        // send: a directory of the node, in which variables are replaced
	Params      string        // run: arguments of the program
	Timeout     time.Duration // of one try; 0: none
	Retries     int           // tries after the first
}

// Doing is a kind of custom operation.
type Doing string

// The kinds.
const (
	Exec    Doing = "exec" // runs a command line on the node
	Send    Doing = "send" // puts a file on the node
	RunFile Doing = "run"  // sends a program and runs it
)

// customize puts the custom operations in their places.
//
// Substitutes come last: they take away the micro-step that others are put around.
func (p *Plan) customize(all []Customs) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Customs) int { return min(len(a.Substitute), 1) - min(len(b.Substitute), 1) })
	for _, c := range all {
		for i := range p.Macros {
			if p.Macros[i].Macro == c.Macro {
				p.Macros[i].customize(c)
			}
		}
	}
}

// customize leaves alone what has no such step: the bypass rules may have dropped it for this node.
func (m *MacroPlan) customize(c Customs) {
	for i := range m.Instances {
		instance := &m.Instances[i]
		if c.Instance != "" && c.Instance != instance.Name {
			continue
		}
		at := indexOf(instance.Steps, c.Micro)
		if at < 0 {
			continue
		}
		own := instance.Steps[at : at+1]
		if len(c.Substitute) > 0 {
			own = customSteps(CustomSub, c.Substitute)
		}
		instance.Steps = slices.Concat(instance.Steps[:at], customSteps(CustomPre, c.Pre), own, customSteps(CustomPost, c.Post), instance.Steps[at+1:])
	}
}

func customSteps(micro Micro, ops []Custom) []Step {
	list := make([]Step, len(ops))
	for i := range ops {
		list[i] = Step{Micro: micro, Custom: &ops[i]}
	}
	return list
}
