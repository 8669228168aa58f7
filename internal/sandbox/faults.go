package sandbox

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kadeploy/kadeploy/config"
)

// faults are the misbehaviours that a machine has, drawn once, as config.Fault documents them.
type faults struct {
	hungBoots  int // the first boots that hang
	neverBoots bool
	slow       time.Duration // added to each boot
	capacity   int64         // of the disk, bytes; 0: as the node says

	mu    sync.Mutex
	agent []string // KIND:STEP, those that have not happened yet
}

// maxSlow bounds slow-boot, in seconds.
const maxSlow = 86400

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
func (f *faults) take(fault config.Fault, has bool) error {
	add := faults{}
	switch fault.Kind {
	case "boot-fails":
		n, err := strconv.Atoi(fault.Arg)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a number of boots", fault.Arg)
		}
		add.hungBoots = n
	case "never-boots":
		add.neverBoots = true
	case "disk-full":
		size, err := parseSize(fault.Arg)
		if err != nil {
			return err
		}
		add.capacity = size
	case "slow-boot":
		seconds, err := strconv.ParseFloat(fault.Arg, 64)
		if err != nil || !(seconds >= 0 && seconds <= maxSlow) { // so written, NaN is refused
			return fmt.Errorf("%q is not a number of seconds", fault.Arg)
		}
		add.slow = time.Duration(seconds * float64(time.Second))
	case "agent-crash", "hung-order":
		if fault.Arg == "" {
			return fmt.Errorf("the micro-step is missing")
		}
		add.agent = []string{fault.Kind + ":" + fault.Arg}
	default:
		return fmt.Errorf("unknown kind (known: boot-fails, never-boots, disk-full, agent-crash, slow-boot, hung-order)")
	}
	if has {
		f.hungBoots = max(f.hungBoots, add.hungBoots)
		f.neverBoots = f.neverBoots || add.neverBoots
		f.slow += add.slow
		if add.capacity > 0 && (f.capacity == 0 || add.capacity < f.capacity) {
			f.capacity = add.capacity
		}
		f.agent = append(f.agent, add.agent...)
	}
	return nil
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

// parseSize reads bytes with an optional K, M, G or T (powers of 1024).
func parseSize(s string) (int64, error) {
	digits, factor := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(s), "B"), "I"), int64(1)
	if n := len(digits); n > 0 {
		if i := strings.IndexByte("KMGT", digits[n-1]); i >= 0 {
			digits, factor = digits[:n-1], 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/factor {
		return 0, fmt.Errorf("%q is not a size (512M, 4G)", s)
	}
	return n * factor, nil
}

func hash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}
