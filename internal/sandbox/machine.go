package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/kadeploy/kadeploy/internal/power"
)

// machine is a node's hardware.
type machine struct {
	rack    *Rack
	node    Node
	disk    string // its directory
	console *console

	turn chan struct{} // holds one token while the power is changed
	life *life         // nil when off; owned by who holds turn

	// What follows belongs to the goroutine of the life, and lives are one after the other.
	faults *faults
	random *rand.Rand // jitter of its delays
	boots  int
}

// life is a machine from power-on to power-off.
type life struct {
	cut   context.CancelFunc
	ended chan struct{} // closed when nothing of it is left running
	dying bool          // its power is cut; owned by who holds turn
	up    atomic.Bool   // an operating system is running
}

func newMachine(rack *Rack, node Node, drawn *faults) *machine {
	return &machine{
		rack: rack, node: node, faults: drawn, console: &console{watch: drawn.happened},
		disk:   filepath.Join(rack.cfg.Dir, node.Name),
		random: rand.New(rand.NewPCG(node.Seed, hash(node.Name))),
		turn:   make(chan struct{}, 1),
	}
}

// errNoAnswer is what a soft order meets when no system is up to obey it.
var errNoAnswer = errors.New("node does not answer: no operating system is up")

func (m *machine) do(ctx context.Context, op power.Op, level power.Level) (power.Status, error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return power.Unknown, ctx.Err()
	}
	if op == power.OpStatus {
		return m.status(), nil
	}
	if _, err := power.ParseLevel(string(level)); err != nil {
		return m.status(), err
	}
	obeys := level != power.Soft || op == power.OpOn || m.life != nil && m.life.up.Load()
	m.rack.cfg.Log.Debug("sandbox machine is told", "node", m.node.Name, "op", op, "level", level, "obeys", obeys)
	if !obeys {
		return m.status(), errNoAnswer
	}
	err := m.change(ctx, op)
	return m.status(), err
}

func (m *machine) change(ctx context.Context, op power.Op) error {
	switch op {
	case power.OpOn:
		if m.life != nil && m.life.dying {
			if err := m.off(ctx); err != nil {
				return err
			}
		}
		return m.on()
	case power.OpOff:
		return m.off(ctx)
	case power.OpReboot:
		if err := m.off(ctx); err != nil {
			return err
		}
		return m.on()
	}
	return fmt.Errorf("unknown power operation %q", op)
}

func (m *machine) status() power.Status {
	if m.life == nil {
		return power.Off
	}
	return power.On
}

// on starts a life; a machine that is on stays as it is.
func (m *machine) on() error {
	if m.life != nil {
		return nil
	}
	if m.rack.mains.Err() != nil {
		return errors.New("the sandbox is closed")
	}
	ctx, cut := context.WithCancel(m.rack.mains)
	l := &life{cut: cut, ended: make(chan struct{})}
	m.life = l
	go m.live(ctx, l)
	return nil
}

// off ends the life. When the context ends first the machine is dying, and counts as on until another order finds it dead.
func (m *machine) off(ctx context.Context) error {
	if m.life == nil {
		return nil
	}
	m.life.dying = true
	m.life.cut()
	select {
	case <-m.life.ended:
		m.life = nil
		m.console.printf("power off")
		return nil
	case <-ctx.Done():
		return fmt.Errorf("power-off under way: %w", ctx.Err())
	}
}

// live boots until a boot hangs or the power is cut. A hung machine costs no goroutine.
func (m *machine) live(ctx context.Context, l *life) {
	defer close(l.ended)
	defer l.cut()
	for {
		err := m.boot(ctx, l)
		l.up.Store(false)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			m.console.printf("%v", err)
			m.rack.cfg.Log.Debug("sandbox machine hangs", "node", m.node.Name, "reason", err)
			return
		}
		m.console.printf("reboot")
	}
}

// boot is one run of the firmware and of the system that it starts. It returns nil when that system asked for a reboot
// and an error, the machine's last line, when the machine hangs. A bug in what runs inside the daemon must cost this
// machine only.
func (m *machine) boot(ctx context.Context, l *life) (err error) {
	defer func() {
		if bug := recover(); bug != nil {
			m.rack.cfg.Log.Error("sandbox machine crashed", "node", m.node.Name, "panic", bug, "stack", string(debug.Stack()))
			err = fmt.Errorf("machine check: %v", bug)
		}
	}()
	start, err := m.firmware(ctx)
	if err != nil {
		return err
	}
	return start(ctx, l)
}

// delay is a boot delay, a quarter more or less.
func (m *machine) delay() time.Duration {
	d := m.node.BootDelay
	return d + time.Duration((m.random.Float64()-0.5)/2*float64(d))
}

// pause lets d pass, or the power be cut.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
