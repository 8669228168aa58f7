package actors

import "sync"

// holds keep what was uploaded or fetched as long as an operation may read it. They outlive the actors that add to them.
type holds struct {
	mu sync.Mutex
	of map[string][]func() // by operation
}

// begin lets an operation add, until it is dropped. What it holds already stays.
func (h *holds) begin(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of = make(map[string][]func())
	}
	if _, begun := h.of[id]; !begun {
		h.of[id] = nil
	}
}

// add holds something for an operation. For one that was dropped meanwhile it is let go of at once.
func (h *holds) add(id string, release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, begun := h.of[id]; !begun {
		release()
		return
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
