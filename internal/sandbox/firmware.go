package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/kadeploy/kadeploy/internal/demoimage"
	"github.com/kadeploy/kadeploy/pxe"
	"github.com/kadeploy/kadeploy/pxe/tftp"
)

// Bounds of what a firmware accepts from the network, in bytes, and of what one packet carries: the largest that fits a
// datagram on the loopback interface.
const (
	maxProfile = 64 << 10
	maxKernel  = 512 << 20
	maxInitrd  = 4 << 30
	blockSize  = 65464
)

// fileNotFound is the error code of RFC 1350, section 5.
const fileNotFound = 1

// system is what a firmware has loaded and starts. It returns nil for a reboot, an error when it hangs, anything once the
// context has ended.
type system func(ctx context.Context, l *life) error

// firmware runs from power-on to the jump into a kernel. Its errors are what stands on the screen of a machine that
// hangs there.
func (m *machine) firmware(ctx context.Context) (system, error) {
	m.boots++
	m.console.printf("firmware: boot %d", m.boots)
	m.rack.cfg.Log.Debug("sandbox machine boots", "node", m.node.Name, "boot", m.boots)
	if err := pause(ctx, m.delay()+m.faults.slow); err != nil {
		return nil, err
	}
	if m.faults.neverBoots {
		return nil, errors.New("firmware: hangs (fault never-boots)")
	}
	if m.boots <= m.faults.hungBoots {
		return nil, fmt.Errorf("firmware: hangs (fault boot-fails, boot %d of %d)", m.boots, m.faults.hungBoots)
	}
	profile, err := m.profile(ctx)
	if err != nil {
		return nil, fmt.Errorf("firmware: %w", err)
	}
	start, err := m.load(ctx, profile)
	if err != nil {
		return nil, fmt.Errorf("firmware: %w", err)
	}
	return start, nil
}

// profile looks for the machine's boot profile under PXELINUX's names, in its order.
func (m *machine) profile(ctx context.Context) (pxe.Profile, error) {
	names := pxe.SearchOrder(m.node.Addr, m.node.MAC)
	if m.node.ProfileName != "" {
		names = append([]string{m.node.ProfileName}, names...)
	}
	for _, name := range names {
		var text bytes.Buffer
		file := path.Join(m.rack.cfg.ProfileDir, name)
		err := m.fetch(ctx, file, &text, maxProfile)
		if absent(err) {
			continue
		}
		if err != nil {
			return pxe.Profile{}, err
		}
		m.console.printf("firmware: boot profile %s", file)
		return pxe.Parse(text.String())
	}
	return pxe.Profile{}, fmt.Errorf("no boot profile in %s for %v (asked for %s)", m.rack.cfg.ProfileDir, m.node.Addr, strings.Join(names, " "))
}

// load fetches what the profile names and decides what it is.
func (m *machine) load(ctx context.Context, p pxe.Profile) (system, error) {
	switch p.Kind {
	case pxe.LocalBoot, pxe.Chainload:
		return m.localSystem(p.Partition), nil
	case pxe.Xen:
		if err := m.fetch(ctx, p.Hypervisor, io.Discard, maxKernel); err != nil {
			return nil, err
		}
	}
	kernel := newKernel()
	if err := m.fetch(ctx, p.Kernel, kernel, maxKernel); err != nil {
		return nil, err
	}
	for _, initrd := range p.Initrds {
		if err := m.fetch(ctx, initrd, io.Discard, maxInitrd); err != nil {
			return nil, err
		}
	}
	m.console.printf("firmware: kernel %s, %d bytes", p.Kernel, kernel.size)
	if kernel.deployment() {
		return m.deploySystem(p.Args), nil
	}
	return m.userSystem(kernel, p.Args), nil
}

// fetch reads one file from the server by TFTP, from the machine's own address.
func (m *machine) fetch(ctx context.Context, name string, w io.Writer, limit int64) error {
	select {
	case m.rack.transfer <- struct{}{}:
		defer func() { <-m.rack.transfer }()
	case <-ctx.Done():
		return ctx.Err()
	}
	client := tftp.Client{Server: m.rack.cfg.TFTP, From: m.node.Addr, BlockSize: blockSize}
	_, err := tftp.Fetch(ctx, client, name, w, limit)
	return err
}

// absent says whether the server answered that there is no such file.
func absent(err error) bool {
	var peer *tftp.PeerError
	return errors.As(err, &peer) && peer.Code == fileNotFound
}

// kernel is what is remembered of a kernel that went by: 10,000 machines must not hold theirs in memory.
type kernel struct {
	head []byte // its start, as long as the magic of deployment kernels
	size int64
	sum  interface {
		io.Writer
		Sum([]byte) []byte
	}
}

func newKernel() *kernel { return &kernel{sum: sha256.New()} }

func (k *kernel) Write(p []byte) (int, error) {
	if missing := len(demoimage.DeployKernelMagic) - len(k.head); missing > 0 {
		k.head = append(k.head, p[:min(missing, len(p))]...)
	}
	k.size += int64(len(p))
	if k.deployment() { // nobody will ask for its digest
		return len(p), nil
	}
	return k.sum.Write(p)
}

// deployment says whether it is the kernel of the deployment system.
func (k *kernel) deployment() bool { return string(k.head) == demoimage.DeployKernelMagic }

// argument is the value of the last name=value in a kernel's command line, "" when there is none.
func argument(cmdline, name string) string {
	value := ""
	for word := range strings.FieldsSeq(cmdline) {
		if v, ok := strings.CutPrefix(word, name+"="); ok {
			value = v
		}
	}
	return value
}
