package sandbox

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kadeploy/kadeploy/config"
)

// faults are the misbehaviours that a machine has, drawn once, as config.Fault documents them.
type faults struct {
	hungBoots  int // the first boots that hang
	neverBoots bool
	neverCalls bool          // the deployed system
	slow       time.Duration // added to each boot
	capacity   int64         // of the disk, bytes; 0: as the node says
	rate       int64         // of the disk, bytes a second; 0: as fast as the directory

	mu    sync.Mutex
	agent []string // KIND:STEP, those that have not happened yet
}

// draw decides which faults of the node this machine has: the same for the same seed and name.
func draw(node Node) (*faults, error) {
	f := &faults{}
	random := rand.New(rand.NewPCG(hash(node.Name), node.Seed))
	for _, fault := range node.Faults {
		has := random.Float64() < fault.Probability // drawn for every fault: one more fault must not change the others
		if err := f.take(fault, has); err != nil {
			return nil, fmt.Errorf("fault %s:%s: %w", fault.Kind, fault.Arg, err)
		}
	}
	return f, nil
}

// take checks a fault, and adds it when the machine has it.
func (f *faults) take(fault config.Fault, has bool) (err error) {
	add := &faults{}
	switch fault.Kind {
	case "boot-fails":
		add.hungBoots, err = fault.Boots()
	case "never-boots":
		add.neverBoots = true
	case "never-calls":
		add.neverCalls = true
	case "disk-full":
		add.capacity, err = fault.Size()
	case "slow-disk":
		add.rate, err = fault.Rate()
	case "slow-boot":
		add.slow, err = fault.Delay()
	case "agent-crash", "hung-order":
		add.agent = []string{fault.Kind + ":" + fault.Arg}
		if fault.Arg == "" {
			err = errors.New("the micro-step is missing")
		}
	default:
		err = errors.New("unknown kind (known: boot-fails, never-boots, disk-full, slow-disk, agent-crash, slow-boot, never-calls, hung-order)")
	}
	if err == nil && has {
		f.join(add)
	}
	return err
}

// join makes the machine have what either has.
func (f *faults) join(add *faults) {
	f.hungBoots = max(f.hungBoots, add.hungBoots)
	f.neverBoots = f.neverBoots || add.neverBoots
	f.neverCalls = f.neverCalls || add.neverCalls
	f.slow += add.slow
	f.capacity, f.rate = lesser(f.capacity, add.capacity), lesser(f.rate, add.rate)
	f.agent = append(f.agent, add.agent...)
}

// lesser is the lower of two limits, of which 0 is none.
func lesser(a, b int64) int64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// pending are the agent's faults that have not happened yet.
func (f *faults) pending() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.agent)
}

// happened strikes out the fault that a line of the console announces: they happen once. The line is one of the agent's
// log, as slog's TextHandler writes it.
func (f *faults) happened(line string) {
	_, what, found := strings.Cut(line, "msg=fault kind=")
	if !found {
		return
	}
	kind, rest, _ := strings.Cut(what, " step=")
	step, _, _ := strings.Cut(rest, " ")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.agent = slices.DeleteFunc(f.agent, func(fault string) bool { return fault == kind+":"+step })
}

func hash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}
