package agent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/kadeploy/kadeploy/internal/agentlink/agentpb"
	"github.com/kadeploy/kadeploy/internal/machine"
)

// maxError bounds Result.error.
const maxError = 2 << 10

// work is one order under way. Its fields but cancel and what is locked belong to its own goroutine until it is done.
type work struct {
	loop   *loop // that it was given to
	order  *agentpb.Order
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when it is over
	hang   bool          // it never answers

	mu        sync.Mutex
	to        *link  // where it is told of
	id        uint64 // by what number
	listening string // of its link of the chain, until receive returns
	end       End    // it was a reboot or a kexec, and went well; EndLost: it was not

	output     string // the last lines of what the order printed
	digest     []byte
	unrestored int  // of what the image has
	forsaken   bool // it failed because nobody fed its link of the chain any more
	disks      []*agentpb.Disk
	root       string // what a kernel calls the device that was mounted

	device, missing string // the disk that an inventory was to find, or why there is none

	result *agentpb.Result
}

func newWork(p *loop, o *agentpb.Order) *work {
	w := &work{loop: p, order: o, done: make(chan struct{}), to: p.link, id: o.Id}
	life := p.link.ctx
	if w.keeps() {
		life = p.life
	}
	w.ctx, w.cancel = context.WithCancelCause(life)
	return w
}

// run does the order, once the one before has left the machine alone, and leaves its result.
func (w *work) run(before *work) {
	defer close(w.done)
	defer w.cancel(nil)
	before.stop(errSuperseded)
	if d := w.order.Timeout.AsDuration(); w.order.Timeout != nil {
		var done context.CancelFunc
		w.ctx, done = context.WithTimeoutCause(w.ctx, d, fmt.Errorf("%w after %s", errTimeout, d))
		defer done()
	}
	if w.hang {
		<-w.ctx.Done()
		return
	}
	err := w.safely()
	if err == nil && w.end != EndLost { // a driver may finish its sync whatever happened: what was aborted must not reboot the machine
		err = context.Cause(w.ctx)
	}
	w.result = &agentpb.Result{
		Ok: err == nil, Digest: w.digest, Unrestored: uint32(w.unrestored), Disks: w.disks, Root: w.root, Device: w.device, Missing: w.missing,
		LogTail: strings.ToValidUTF8(w.output[max(0, len(w.output)-agentpb.MaxTail):], "?"),
	}
	if err != nil {
		w.result.Error, w.forsaken = oneLine(err), isForsaken(err)
		w.end = EndLost
		w.loop.config.Log.Warn("order failed", "id", w.order.Id, "step", w.order.Step, "err", err)
	}
}

// safely turns a panic into an error: it is a bug of one order, not the end of the node.
func (w *work) safely() (err error) {
	defer func() {
		if r := recover(); r != nil {
			w.loop.config.Log.Error("order panicked", "id", w.order.Id, "step", w.order.Step, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("bug in the agent: panic: %v", r)
		}
	}()
	err = w.do()
	if err != nil && w.ctx.Err() != nil && !errors.Is(err, context.Cause(w.ctx)) {
		err = fmt.Errorf("%w: %w", context.Cause(w.ctx), err)
	}
	return err
}

func (w *work) do() error {
	m := w.loop.config.Machine
	switch k := w.order.Kind.(type) {
	case *agentpb.Order_Partition:
		return w.partition(k.Partition)
	case *agentpb.Order_Format:
		return m.Format(w.ctx, k.Format.Device, k.Format.Filesystem, k.Format.Options)
	case *agentpb.Order_Swap:
		return m.Swap(w.ctx, k.Swap.Device)
	case *agentpb.Order_Mount:
		return w.mount(k.Mount)
	case *agentpb.Order_Umount:
		return m.Umount(w.ctx, k.Umount.Dir)
	case *agentpb.Order_Receive:
		return w.receive(k.Receive)
	case *agentpb.Order_RunArchive:
		return w.runArchive(k.RunArchive)
	case *agentpb.Order_Custom:
		return w.custom(k.Custom)
	case *agentpb.Order_InstallKey:
		return installKey(m, k.InstallKey)
	case *agentpb.Order_CheckFiles:
		return checkFiles(m, k.CheckFiles)
	case *agentpb.Order_PhoneHome:
		return phoneHome(m, k.PhoneHome)
	case *agentpb.Order_Sync:
		return m.Sync(w.ctx)
	case *agentpb.Order_Reboot:
		w.end = EndReboot
		return m.Sync(w.ctx)
	case *agentpb.Order_Kexec:
		return w.kexec(k.Kexec.GetKernel())
	case *agentpb.Order_InstallBootloader:
		return w.installBootloader(k.InstallBootloader.GetKernel())
	case *agentpb.Order_Inventory:
		return w.inventory(k.Inventory)
	case *agentpb.Order_CheckDevice:
		return w.checkDevice(k.CheckDevice)
	}
	return errors.New("this agent does not know the order; are the server and the deployment system of one version?")
}

func (w *work) partition(k *agentpb.Partition) error {
	script := k.Script
	if k.Kind == "fdisk" {
		text, err := fillPartType(string(script), k.Env["KADEPLOY_PART_TYPE"])
		if err != nil {
			return err
		}
		script = []byte(text)
	}
	var err error
	w.output, err = w.loop.config.Machine.Partition(w.ctx, machine.Table{Device: k.Device, Kind: k.Kind, Script: script, Env: k.Env})
	return err
}

// fillPartType puts the environment's partition type for the first PARTTYPE of each line (Kadeploy3, 2009 fdisk maps).
func fillPartType(script, partType string) (string, error) {
	const mark = "PARTTYPE"
	if !strings.Contains(script, mark) {
		return script, nil
	}
	if partType == "" {
		return "", errors.New("the fdisk script says PARTTYPE, but the environment names no partition type")
	}
	var b strings.Builder
	for line := range strings.Lines(script) {
		b.WriteString(strings.Replace(line, mark, partType, 1))
	}
	return b.String(), nil
}

// report tells the server how far the order is. A report that does not arrive is lost with the stream.
func (w *work) report(p *agentpb.Progress) {
	w.mu.Lock()
	to := w.to
	p.Order = w.id
	w.mu.Unlock()
	to.send(&agentpb.FromAgent{Body: &agentpb.FromAgent_Progress{Progress: p}})
}

// answer is the result under the number that the order has now.
func (w *work) answer() *agentpb.FromAgent {
	w.result.Order = w.id
	return result(w.result)
}

// short makes a text of the machine fit a report.
func short(text string) string {
	text = strings.ToValidUTF8(text, "?")
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "")
}

// oneLine makes an error fit Result.error.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(err.Error(), "?")), " ")
	if len(text) > maxError {
		text = strings.ToValidUTF8(text[:maxError], "") + "..."
	}
	return text
}
