package sandbox

import (
	"os/exec"
	"runtime"
)

// starter starts processes from one operating system thread that lives as long as it does: the parent whose death
// Pdeathsig watches is the thread that forked, not the program, and Go ends threads as it likes.
type starter struct {
	orders chan func()
	ended  chan struct{}
}

func newStarter() *starter {
	s := &starter{orders: make(chan func()), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for order := range s.orders {
			order()
		}
	}()
	return s
}

// start is cmd.Start on the lasting thread.
func (s *starter) start(cmd *exec.Cmd) error {
	result := make(chan error, 1)
	s.orders <- func() { result <- cmd.Start() }
	return <-result
}

// close ends the thread; the processes it started must have ended before. Nothing may be started afterwards.
func (s *starter) close() {
	close(s.orders)
	<-s.ended
}
