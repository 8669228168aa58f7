package actors

import "sync"

// holds keep uploads in the depot as long as an operation may read them. They outlive the actors that add to them.
type holds struct {
	mu sync.Mutex
	of map[string][]func() // by operation
}

func (h *holds) add(id string, release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of = make(map[string][]func())
	}
	h.of[id] = append(h.of[id], release)
}

// drop lets go of what an operation held.
func (h *holds) drop(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, release := range h.of[id] {
		release()
	}
	delete(h.of, id)
}

// dropAll lets go of everything: the operations are gone.
func (h *holds) dropAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, all := range h.of {
		for _, release := range all {
			release()
		}
	}
	h.of = nil
}
