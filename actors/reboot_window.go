package actors

import (
	"cmp"

	"github.com/kadeploy/kadeploy/config"
)

// powerWindow counts the power operations under way: over all, for each management controller, which does one thing at a
// time, and for each circuit.
type powerWindow struct {
	all         int
	controllers map[string]int
	circuits    map[string]int
}

func newPowerWindow() powerWindow {
	return powerWindow{controllers: make(map[string]int), circuits: make(map[string]int)}
}

// admits says whether an operation on a node may start in a window of a size.
func (w *powerWindow) admits(n *config.Node, size int) bool {
	limit := n.Control.Limit
	return w.all < size && w.controllers[controllerOf(n)] == 0 && (limit == 0 || w.circuits[circuitOf(n)] < limit)
}

func (w *powerWindow) enter(n *config.Node) { w.count(n, 1) }
func (w *powerWindow) leave(n *config.Node) { w.count(n, -1) }

func (w *powerWindow) count(n *config.Node, by int) {
	w.all += by
	add(w.controllers, controllerOf(n), by)
	add(w.circuits, circuitOf(n), by)
}

func add(counts map[string]int, key string, by int) {
	if counts[key] += by; counts[key] == 0 {
		delete(counts, key)
	}
}

// controllerOf is what does one thing at a time: the controller, which several nodes may share, or the node.
func controllerOf(n *config.Node) string {
	return cmp.Or(target(n).Named(n.Control.Address), n.Name)
}

func circuitOf(n *config.Node) string { return cmp.Or(n.Control.Circuit, n.Cluster) }
