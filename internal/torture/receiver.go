package torture

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// port is where receivers are called; behind a proxy they listen at the next one.
const port = 25303

// receiver is one of a run: one program, or several after one another.
type receiver struct {
	*run
	index int
	place string // a directory of its own
	disk  disk   // below place, when it is a small one

	mu  sync.Mutex
	all []*program
}

func (r *run) newReceiver(i int) (*receiver, error) {
	one := &receiver{run: r, index: i, place: filepath.Join(r.dir, hostName(i))}
	if err := os.Mkdir(one.place, 0o700); err != nil {
		return nil, err
	}
	if f, full := r.has(i, FullDisk); full && r.cfg.Lab {
		if err := one.disk.mount(one.place, int64(f.Amount*float64(r.Size))); err != nil {
			return nil, err
		}
	}
	if f, slow := r.has(i, SlowLink); slow {
		if err := r.stage.limit(i, int64(8*f.Amount)); err != nil {
			return nil, err
		}
	}
	return one, one.startProxy()
}

func (r *receiver) out() string { return filepath.Join(r.place, "out") }

// behind is the fault of the way to the receiver, if it has one.
func (r *receiver) behind() (Fault, bool) {
	for _, f := range r.on(r.index) {
		if traits[f.Kind].part == way {
			return f, true
		}
	}
	return Fault{}, false
}

func (r *receiver) startProxy() error {
	f, ok := r.behind()
	if !ok {
		return nil
	}
	addr := r.stage.address(r.index)
	cmd := r.stage.command(r.index, r.cfg.Self, "proxy", "-listen", fmt.Sprintf("%s:%d", addr, port), "-to", fmt.Sprintf("%s:%d", addr, port+1),
		"-seed", strconv.FormatUint(r.Seed+uint64(r.index), 10), "-ways", f.Ways)
	switch f.Kind {
	case Corrupting:
		cmd.Args = append(cmd.Args, "-flips", fmt.Sprint(f.Amount))
	case Breaking:
		cmd.Args = append(cmd.Args, "-break", fmt.Sprint(f.Amount))
	case Stalling:
		cmd.Args = append(cmd.Args, "-stall-at", fmt.Sprintf("%.0f", f.Amount*float64(r.Size)), "-stall-for", f.For.String())
	}
	p, err := r.run.start(hostName(r.index)+"-proxy", cmd, nil, nil)
	if err != nil {
		return err
	}
	r.helpers = append(r.helpers, p)
	for !p.says("listening") {
		if p.over() {
			return fmt.Errorf("%s has ended at once: see %s", p.name, p.said)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

func (r *receiver) start() error {
	cfg, listen := r.Receivers[r.index], port
	if _, ok := r.behind(); ok {
		listen++
	}
	args := []string{"chain", "receive", "-k", r.key(), "-l", fmt.Sprintf("%s:%d", r.stage.address(r.index), listen),
		"--wait", wait.String()}
	if !r.Defaults {
		args = append(args, "--stall", r.Stall.String(), "--orphan", r.Orphan.String(),
			"--ring", fmt.Sprintf("%dM", cfg.Ring/mib), "--slow-sink", cfg.SlowSink.String())
	}
	if r.TLS {
		args = append(args, "--tls")
	}
	var stdout *os.File
	switch command := r.command(); {
	case command != "":
		args = append(args, "-O", command)
	case cfg.Output == ToStdout:
		var err error
		if stdout, err = os.Create(r.out()); err != nil {
			return err
		}
		defer stdout.Close()
		args = append(args, "-o", "-")
	default:
		args = append(args, "-o", r.out())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.run.start(fmt.Sprintf("%s-%d", hostName(r.index), len(r.all)+1), r.stage.command(r.index, r.agent(), args...), nil, stdout)
	if err == nil {
		r.all = append(r.all, p)
	}
	return err
}

// command is the shell line that takes the image; "" for none.
func (r *receiver) command() string {
	helper := fmt.Sprintf("%s sink -o %s", quoted(r.cfg.Self), quoted(r.out()))
	for _, f := range r.on(r.index) {
		switch {
		case f.Kind == SlowSink:
			return fmt.Sprintf("%s -rate %.0f", helper, f.Amount)
		case f.Kind == StuckSink:
			return fmt.Sprintf("%s -stop-at %.0f -stop-for %v", helper, f.Amount*float64(r.Size), f.For)
		case f.Kind == FullDisk && !r.cfg.Lab:
			return fmt.Sprintf("%s -full-at %.0f", helper, f.Amount*float64(r.Size))
		}
	}
	if r.Receivers[r.index].Output == ToCommand {
		return "cat > " + quoted(r.out())
	}
	return ""
}

// current is the last program; nil when it was never started.
func (r *receiver) current() *program {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		return nil
	}
	return r.all[len(r.all)-1]
}

// finish waits for the end of the last program; those that cannot end by themselves are ended.
func (r *receiver) finish(ctx context.Context, deadline time.Time) Received {
	p := r.current()
	if p == nil {
		return Received{}
	}
	if r.frozen() {
		p.signal(syscall.SIGKILL)
	}
	got := Received{Started: true, Ending: p.ending(r.zero, p.finish(ctx, deadline))}
	for _, earlier := range r.all[:len(r.all)-1] {
		got.Earlier = append(got.Earlier, earlier.ending(r.zero, false))
	}
	return got
}

// frozen reports whether the receiver was stopped for good.
func (r *receiver) frozen() bool {
	return slices.ContainsFunc(r.strikes, func(s Strike) bool {
		return s.Fault.Target == r.index && s.Fault.Kind == Frozen && !s.Missed
	})
}

// look says what is in the receiver's directory.
func (r *receiver) look() (c Content, beside []string) {
	entries, _ := os.ReadDir(r.place)
	for _, e := range entries {
		if e.Name() != filepath.Base(r.out()) {
			beside = append(beside, e.Name())
			continue
		}
		if c = Wrong; same(r.out(), r.image) {
			c = Whole
		}
	}
	return c, beside
}

// put is how much of the image the receiver has put out by now, wherever that is.
func (r *receiver) put() (most int64) {
	entries, _ := os.ReadDir(r.place)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			most = max(most, info.Size())
		}
	}
	return most
}

// quoted is a word for a shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
