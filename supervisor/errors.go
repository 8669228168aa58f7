package supervisor

import (
	"errors"
	"fmt"
	"time"
)

// Expected marks the failures that an actor panics with on purpose. Any other panic is taken for a bug and reported
// with its stack.
type Expected interface {
	error
	Expected()
}

// Why a child ended, when it did not panic.
var (
	ErrVanished     = errors.New("stopped without saying that it was done")
	ErrStartTimeout = errors.New("did not say in time that it was up")
	ErrDone         = errors.New("ended, but ought to live for ever")
)

// PanicError is a panic that nobody planned, with the stack of the goroutine that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value of the panic when that was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// StartError is a child that could not start; its supervisor then does not start either.
type StartError struct {
	Supervisor, Child string
	Err               error
}

func (e *StartError) Error() string {
	return fmt.Sprintf("%s: start %s: %v", e.Supervisor, e.Child, e.Err)
}

func (e *StartError) Unwrap() error { return e.Err }

// Expected marks it as a failure by plan.
func (e *StartError) Expected() {}

// IntensityError is what a supervisor fails with when its children needed more restarts than it grants.
type IntensityError struct {
	Supervisor, Child string
	Intensity         int
	Period            time.Duration
	Last              error // why the last child ended
}

func (e *IntensityError) Error() string {
	return fmt.Sprintf("%s: more than %d restarts in %v, the last of %s: %v", e.Supervisor, e.Intensity, e.Period, e.Child, e.Last)
}

func (e *IntensityError) Unwrap() error { return e.Last }

// Expected marks it as a failure by plan.
func (e *IntensityError) Expected() {}

// AbandonedError is what a supervisor fails with when a child that it must restart does not stop.
type AbandonedError struct {
	Supervisor, Child string
	Last              error // why it was to be restarted; nil when another child's end was the reason
}

func (e *AbandonedError) Error() string {
	if e.Last == nil {
		return fmt.Sprintf("%s: %s does not stop and cannot be restarted", e.Supervisor, e.Child)
	}
	return fmt.Sprintf("%s: %s does not stop and cannot be restarted after: %v", e.Supervisor, e.Child, e.Last)
}

func (e *AbandonedError) Unwrap() error { return e.Last }

// Expected marks it as a failure by plan.
func (e *AbandonedError) Expected() {}

// asError makes an error of what a child panicked with.
func asError(reason any) error {
	if err, ok := reason.(error); ok {
		return err
	}
	return &PanicError{Value: reason}
}
