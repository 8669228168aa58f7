package agentlink

import "github.com/kadeploy/kadeploy/internal/agentlink/agentpb"

// Sabotage makes the next report of order 1 meet a bug in the goroutine that receives.
func (s *Session) Sabotage() {
	closed := make(chan *agentpb.FromAgent)
	close(closed)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.call = &call{order: 1, reports: closed, over: make(chan struct{})}
}
