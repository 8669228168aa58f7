package torture

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// head is the sender: one program, or several after one another when it is killed and started again.
type head struct {
	*run
	host int

	mu       sync.Mutex
	all      []*program
	replaced bool          // the last one was killed and another one will come
	another  chan struct{} // it has come
}

func newHead(r *run) *head {
	return &head{run: r, host: len(r.Receivers), another: make(chan struct{})}
}

func (h *head) path(name string) string { return filepath.Join(h.dir, name) }

func (h *head) start() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	cmd := h.stage.command(h.host, h.agent(), h.args()...)
	stdout, err := os.Create(h.path("report"))
	if err != nil {
		return err
	}
	defer stdout.Close()
	var stdin *os.File
	if h.Stream {
		if stdin, err = h.stream(); err != nil {
			return err
		}
		defer stdin.Close()
	}
	p, err := h.run.start(fmt.Sprintf("sender-%d", len(h.all)+1), cmd, stdin, stdout)
	if err == nil {
		h.all = append(h.all, p)
	}
	return err
}

func (h *head) args() []string {
	args := []string{"chain", "send", "-k", h.key(), "--output", "json", "--ok", h.path("ok"), "--ko", h.path("ko"),
		"--chunk", strconv.FormatInt(h.Chunk>>10, 10) + "K", "--spool", h.dir}
	if !h.Defaults {
		args = append(args, "--stall", h.Stall.String(), "--gather", h.Gather.String(), "--linger", h.Linger.String())
	}
	if h.Stream {
		args = append(args, "-i", "-")
	} else {
		args = append(args, "-i", h.image)
	}
	if h.Rate > 0 {
		args = append(args, "--rate", strconv.FormatInt(h.Rate, 10))
	}
	switch {
	case h.Listen:
		args = append(args, "--listen", h.stage.address(h.host)+":25304")
	case !h.cfg.Lab: // whom a loopback address is called from is no address of its own
		args = append(args, "--listen", h.stage.address(h.host)+":0")
	}
	if h.TLS {
		args = append(args, "--tls")
	}
	for i := range h.Receivers {
		args = append(args, "-N", h.stage.address(i))
	}
	return args
}

// stream is the end of a pipe that the image comes out of, at the rate of the scenario.
func (h *head) stream() (*os.File, error) {
	image, err := os.Open(h.image)
	if err != nil {
		return nil, err
	}
	out, in, err := os.Pipe()
	if err != nil {
		image.Close()
		return nil, err
	}
	go func() {
		defer image.Close()
		defer in.Close()
		_ = paced(in, image, float64(h.Feed)) // it fails when the sender ends early
	}()
	return out, nil
}

func (h *head) current() *program {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all[len(h.all)-1]
}

// replace kills the sender and starts it again after a while. It reports whether there was one to kill.
func (h *head) replace(wait time.Duration) bool {
	h.mu.Lock()
	p := h.all[len(h.all)-1]
	h.replaced = !p.over()
	h.mu.Unlock()
	if !h.replaced {
		return false
	}
	p.signal(syscall.SIGKILL)
	<-p.done
	time.Sleep(wait)
	if err := h.start(); err != nil {
		h.log("the sender is not started again: %v", err)
	}
	h.mu.Lock()
	h.replaced = false
	h.mu.Unlock()
	close(h.another)
	return true
}

// finish waits for the end of the last sender.
func (h *head) finish(ctx context.Context, deadline time.Time) (last Ending, killed []Ending) {
	overdue := h.current().finish(ctx, deadline)
	h.mu.Lock()
	again := h.replaced || len(h.all) > 1
	h.mu.Unlock()
	if again {
		<-h.another
		overdue = h.current().finish(ctx, deadline)
	}
	for _, p := range h.all[:len(h.all)-1] {
		killed = append(killed, p.ending(h.zero, false))
	}
	return h.current().ending(h.zero, overdue), killed
}

// papers are what it left.
func (h *head) papers() (r *Report, ok, ko []string) {
	return readReport(h.path("report")), lines(h.path("ok")), lines(h.path("ko"))
}
