package config

import "github.com/hashicorp/hcl/v2"

// layer is what one file, or the entry of one node, says: the assignments of each key in the order written.
type layer struct {
	source *source
	values map[string][]assignment // by the key's first name
}

func newLayer(src *source) *layer {
	return &layer{source: src, values: map[string][]assignment{}}
}

func (l *layer) assign(k *key, a assignment) { l.values[k.name] = append(l.values[k.name], a) }

// assignment gives a key a value: a text that is there already, or an expression that may speak of the node.
type assignment struct {
	at      position // of the value's first character
	fixed   value
	compute func(*hcl.EvalContext, *report) (value, bool) // nil for a fixed value; reports what is wrong itself
	perNode bool                                          // an expression with variables: node, cluster
	opaque  bool                                          // an offset into the value is no place in the file
}

// in is the value in the given context; false when the file has no valid one, which has been reported.
func (a assignment) in(ctx *hcl.EvalContext, r *report) (value, bool) {
	if a.compute == nil {
		return a.fixed, true
	}
	return a.compute(ctx, r)
}

// stack is the layers in force for one node, the most specific first: node, cluster, global.
type stack []*layer

// inForce returns the assignments of k that count, in the order they apply: the last one of
// the most specific layer; all of that layer when the key appends; all of all layers, the global first, when it overlays.
func (s stack) inForce(k *key) (groups [][]assignment) {
	for _, l := range s {
		said := l.values[k.name]
		switch {
		case len(said) == 0:
		case k.overlays:
			groups = append([][]assignment{said}, groups...)
		case k.appends:
			return [][]assignment{said}
		default:
			return [][]assignment{said[len(said)-1:]}
		}
	}
	return groups
}

// place is where k is set for these layers, or else the file where it is expected.
func (s stack) place(k *key) position {
	if groups := s.inForce(k); len(groups) > 0 {
		last := groups[len(groups)-1]
		return last[len(last)-1].at
	}
	return position{source: s[len(s)-1].source}
}

// perNode says that some value in the stack must be computed for each node.
func (s stack) perNode() bool {
	for _, l := range s {
		for _, said := range l.values {
			for _, a := range said {
				if a.perNode {
					return true
				}
			}
		}
	}
	return false
}
