package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/kadeploy/kadeploy/internal/workflow"
)

// Explanation is one parameter in force for a node.
type Explanation struct {
	Key    string
	Value  string // as written, or as computed by an expression
	Source string // file:line, or "default"
	Doc    string
}

// Explain lists every parameter in force for a node, those of the daemon first, each with where it was set. Passwords
// are masked.
func (s *Snapshot) Explain(node string) ([]Explanation, error) {
	o, known := s.origins[node]
	if !known {
		var names []string
		for _, n := range s.Nodes[:min(len(s.Nodes), 1000)] {
			names = append(names, n.Name)
		}
		if hint := didYouMean(node, names); hint != "" {
			return nil, fmt.Errorf("no node is named %q in %s: %s", node, s.Dir, hint)
		}
		return nil, fmt.Errorf("no node is named %q in %s", node, s.Dir)
	}
	e := &explainer{snapshot: s, origin: o, context: nodeContext((&loader{dir: s.Dir}).functions(), o.entry)}
	var list []Explanation
	for _, k := range s.schema.keys {
		if k.ignored == "" {
			list = append(list, e.explain(k)...)
		}
	}
	return list, nil
}

// explainer computes the values again that Load computed: nothing of them is kept but their places.
type explainer struct {
	snapshot *Snapshot
	origin   origin
	context  *hcl.EvalContext
}

func (e *explainer) explain(k *key) []Explanation {
	switch {
	case k.name == "mac":
		return e.hardwareAddress(k)
	case k.overlays:
		return e.macrosteps(k)
	}
	groups := e.origin.layers.inForce(k)
	if len(groups) == 0 {
		return e.byDefault(k)
	}
	var values []string
	said := groups[len(groups)-1]
	for _, a := range said {
		values = append(values, e.text(a))
	}
	return []Explanation{e.row(k, strings.Join(values, ","), said[len(said)-1].at)}
}

func (e *explainer) text(a assignment) string {
	v, _ := a.in(e.context, newReport())
	return v.String()
}

func (e *explainer) row(k *key, text string, at position) Explanation {
	if isSecret(k.name) {
		text = "***"
	}
	return Explanation{Key: k.name, Value: text, Source: fmt.Sprintf("%s:%d", at.source.path, at.line), Doc: k.doc}
}

func (e *explainer) byDefault(k *key) []Explanation {
	node := e.snapshot.byName[e.origin.entry.name]
	t := &target{dir: e.snapshot.Dir, cluster: node.Cluster, global: &e.snapshot.Global, settings: &node.Settings}
	return []Explanation{{Key: k.name, Value: strings.Join(k.defaults(t), ","), Source: "default", Doc: k.doc}}
}

func (e *explainer) hardwareAddress(k *key) []Explanation {
	if e.origin.entry.mac == nil {
		return nil
	}
	return []Explanation{e.row(k, e.origin.entry.mac.String(), e.origin.entry.at)}
}

// macrosteps explains each macro-step by the most specific file that speaks of it.
func (e *explainer) macrosteps(k *key) []Explanation {
	rows := map[workflow.Macro][]Explanation{}
	for _, text := range k.initial {
		if macro, _, err := workflow.ParseMacrostep(text); err == nil {
			rows[macro] = []Explanation{{Key: k.name, Value: text, Source: "default", Doc: k.doc}}
		}
	}
	for _, said := range e.origin.layers.inForce(k) {
		fresh := map[workflow.Macro]bool{}
		for _, a := range said {
			text := e.text(a)
			macro, _, err := workflow.ParseMacrostep(text)
			if err != nil {
				continue // Load accepted it, so this cannot happen
			}
			if !fresh[macro] {
				fresh[macro] = true
				rows[macro] = nil
			}
			rows[macro] = append(rows[macro], e.row(k, text, a.at))
		}
	}
	var list []Explanation
	for _, macro := range []workflow.Macro{workflow.SetDeploymentEnv, workflow.BroadcastEnv, workflow.BootNewEnv} {
		list = append(list, rows[macro]...)
	}
	return list
}
