package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/netlab"
)

// Machine is one of a Lab's. Power is switched here without its BMC, or by whatever speaks to the BMC.
type Machine struct {
	chassis
	Serial Serial

	lab  *Lab
	tap  *netlab.Tap
	bmcs []*exec.Cmd // ipmi_sim and the Redfish service; none while they are down
}

func newMachine(l *Lab, index int, cfg MachineConfig) (*Machine, error) {
	if cfg.Firmware == "" {
		cfg.Firmware = BIOS
	}
	if cfg.Bus == "" {
		cfg.Bus = Virtio
	}
	if cfg.Card == "" {
		cfg.Card = VirtioNet
	}
	if cfg.Memory == 0 {
		cfg.Memory = 512
	}
	if cfg.DiskSize == 0 {
		cfg.DiskSize = 4 << 30
	}
	if cfg.UUID == "" {
		cfg.UUID = uuid.NewString()
	}
	name := fmt.Sprintf("node-%d", index)
	s := spec{
		MachineConfig: cfg, Name: name, Index: index, Dir: filepath.Join(l.Dir, name), Addr: addrOf(1, index), BMC: addrOf(2, index),
		MAC: fmt.Sprintf("52:54:00:4b:44:%02x", index), Tap: fmt.Sprintf("tap%d", index),
	}
	m := &Machine{chassis: chassis{s, "lab"}, Serial: Serial{name, s.path("serial.log")}, lab: l}
	if err := m.build(); err != nil {
		return nil, err
	}
	return m, m.startBMCs()
}

func (m *Machine) build() (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Mkdir(m.Dir, 0o700); err != nil {
		return err
	}
	if m.tap, err = m.lab.net.Switch().Tap(m.Tap); err != nil {
		return err
	}
	if m.Firmware == UEFI {
		if err := copyFile(ovmfVars, m.path("vars.fd")); err != nil {
			return err
		}
	}
	if err := errors.Join(m.save(), m.writeIPMI(self), m.EmptyDisk()); err != nil {
		return err
	}
	return m.layCable(self)
}

// layCable starts the process that is the serial cable, and waits until it is there.
func (m *Machine) layCable(self string) error {
	cmd := m.lab.net.Switch().Command(context.Background(), self, m.Dir)
	cmd.Env = append(os.Environ(), roleVariable+"=cable")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	defer out.Close()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the serial cable: %w", err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return fmt.Errorf("the serial cable did not start: %w", errors.Join(err, cmd.Wait()))
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// EmptyDisk makes the disk a new one. The machine must be off.
func (m *Machine) EmptyDisk() error {
	f, err := os.Create(m.Disk())
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(m.DiskSize), f.Close())
}

// Disk is the file with the disk's contents.
func (m *Machine) Disk() string { return m.path("disk.raw") }

// On, Off and Reset switch the machine as its buttons do; Powered says if it runs.
func (m *Machine) On() error     { return m.onInNamespace() }
func (m *Machine) Off() error    { return m.off() }
func (m *Machine) Reset() error  { return m.reset() }
func (m *Machine) Powered() bool { return m.power() }

// onInNamespace has another process start the machine, for it is born in the namespace of who does.
func (m *Machine) onInNamespace() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := m.lab.net.Switch().Command(context.Background(), self, m.Dir)
	cmd.Env = append(os.Environ(), roleVariable+"=on")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("switch %s on: %w: %s", m.Name, err, out)
	}
	return nil
}

// Freeze stops the machine's processor, which nobody is told; Thaw lets it go on.
func (m *Machine) Freeze() error { return m.freeze() }
func (m *Machine) Thaw() error   { return m.thaw() }

// Cut pulls the machine's network cable, Heal plugs it in again, and Limit sets what it carries to the machine, in bit/s.
func (m *Machine) Cut() error             { return m.tap.Cut() }
func (m *Machine) Heal() error            { return m.tap.Heal() }
func (m *Machine) Limit(rate int64) error { return m.tap.Limit(rate) }

// ChassisLog is what was done to the machine's power: a line for each command, TIME WHO WHAT: OUTCOME, where WHO is ipmi, redfish or lab.
func (m *Machine) ChassisLog() (string, error) {
	text, err := os.ReadFile(m.path("chassis.log"))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return string(text), err
}

// SetFault makes the machine's BMCs misbehave, from now on; Healthy ends it.
func (m *Machine) SetFault(f Fault) error {
	if err := m.signalBMCs(unix.SIGCONT); err != nil {
		return err
	}
	os.Remove(m.path("claimed"))
	if err := os.WriteFile(m.path("fault"), []byte(f), 0o600); err != nil {
		return err
	}
	switch {
	case f == Mute:
		return m.signalBMCs(unix.SIGSTOP)
	case f == Down:
		err := m.signalBMCs(unix.SIGKILL)
		for _, b := range m.bmcs {
			b.Wait()
		}
		m.bmcs = nil
		return err
	case m.bmcs == nil:
		return m.startBMCs()
	}
	return nil
}

func (m *Machine) signalBMCs(sig os.Signal) (err error) {
	for _, b := range m.bmcs {
		err = errors.Join(err, b.Process.Signal(sig))
	}
	return err
}

func (m *Machine) startBMCs() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ipmi := m.lab.net.Switch().Command(context.Background(), "ipmi_sim", "-n", "-c", m.path("lan.conf"), "-f", m.path("bmc.emu"), "-s", m.path("ipmi"))
	redfish := m.lab.net.Switch().Command(context.Background(), self, m.Dir)
	redfish.Env = append(os.Environ(), roleVariable+"=redfish")
	for name, cmd := range map[string]*exec.Cmd{"ipmi_sim": ipmi, "redfish": redfish} {
		log, err := os.OpenFile(m.path(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		cmd.Stdout, cmd.Stderr = log, log
		err = cmd.Start()
		log.Close()
		if err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
		m.bmcs = append(m.bmcs, cmd)
	}
	return nil
}
