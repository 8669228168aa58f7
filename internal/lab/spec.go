package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Firmware is what a machine starts with.
type Firmware string

// Bus is how a machine's disk is attached.
type Bus string

// Card is the model of a machine's network card, as QEMU calls it. Each has iPXE in its ROM.
type Card string

// The firmwares, the buses, and the cards.
const (
	BIOS Firmware = "bios" // SeaBIOS, with iPXE in the network card
	UEFI Firmware = "uefi" // OVMF

	Virtio Bus = "virtio" // /dev/vda
	NVMe   Bus = "nvme"   // /dev/nvme0n1
	SCSI   Bus = "scsi"   // /dev/sda by virtio-scsi
	SATA   Bus = "sata"   // /dev/sda by AHCI: a kernel with ahci is needed, which Debian's cloud kernel is not

	VirtioNet Card = "virtio-net-pci"
	E1000     Card = "e1000" // a kernel with e1000 is needed, as with SATA
)

const (
	ovmfCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
	ovmfVars = "/usr/share/OVMF/OVMF_VARS_4M.fd"
)

// MachineConfig describes one machine. The zero value is a BIOS machine with a virtio disk.
type MachineConfig struct {
	Firmware Firmware
	PlainPXE bool   // UEFI only: no iPXE in the network card, OVMF's own PXE asks for a loader
	HTTPBoot bool   // UEFI only: no PXE at all, OVMF fetches its loader over HTTP
	Memory   int    // MiB; 0: 512
	Bus      Bus    // "": Virtio
	Card     Card   // "": VirtioNet
	DiskSize int64  // bytes; 0: 4 GiB; sparse on the host
	UUID     string // "": a random one

	DiskFirst bool // its firmware tries the disk before the network, unless the BMC says otherwise
}

// spec is all that is needed to start a machine; it stands in the machine's directory for the programs that do.
type spec struct {
	MachineConfig
	Name  string
	Index int // from 1
	Dir   string
	Addr  netip.Addr
	BMC   netip.Addr
	MAC   string
	Tap   string
}

// Device is the disk as Linux calls it.
func (s spec) Device() string {
	switch s.Bus {
	case NVMe:
		return "/dev/nvme0n1"
	case SCSI, SATA:
		return "/dev/sda"
	}
	return "/dev/vda"
}

func (s spec) path(name string) string { return filepath.Join(s.Dir, name) }

func (s spec) save() error {
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("machine.json"), text, 0o600)
}

func loadSpec(dir string) (s spec, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "machine.json"))
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

// order is the firmware's: the boot index of network and disk.
type order struct{ nic, disk int }

var (
	networkFirst = order{1, 2}
	diskFirst    = order{2, 1}
)

// qemu is the command line of the machine. It daemonizes when its sockets are there.
func (s spec) qemu(o order) []string {
	machine := "pc,graphics=off" // firmware and loaders speak on the serial line
	if s.Firmware == UEFI {
		machine = "q35,graphics=off"
	}
	line := slices.Concat([]string{"qemu-system-x86_64", "-name", s.Name, "-machine", machine}, Processor(), []string{
		"-m", strconv.Itoa(s.Memory), "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none",
		"-uuid", s.UUID, "-smbios", "type=1,manufacturer=kadeploy,product=lab,serial=" + s.Name, "-device", "virtio-rng-pci",
		"-chardev", fmt.Sprintf("socket,id=ser0,path=%s,logfile=%s,logappend=on", s.path("serial.sock"), s.path("serial.log")),
		"-serial", "chardev:ser0", "-qmp", "unix:" + s.path("qmp.sock") + ",server=on,wait=off", "-pidfile", s.path("qemu.pid"), "-daemonize",
		"-netdev", "tap,id=net0,ifname=" + s.Tap + ",script=no,downscript=no", "-device", s.nic(o),
		"-drive", "id=disk0,if=none,file=" + s.path("disk.raw") + ",format=raw,cache=unsafe,discard=unmap"})
	if s.Firmware == UEFI {
		line = append(line, "-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+ovmfCode,
			"-drive", "if=pflash,unit=1,format=raw,file="+s.path("vars.fd"))
	}
	if s.HTTPBoot {
		line = append(line, "-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n", "-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n")
	}
	if s.Bus == SCSI {
		line = append(line, "-device", "virtio-scsi-pci,id=bus0")
	}
	if s.Bus == SATA {
		line = append(line, "-device", "ahci,id=bus0")
	}
	return append(line, "-device", s.disk(o))
}

func (s spec) nic(o order) string {
	device := fmt.Sprintf("%s,id=nic0,netdev=net0,mac=%s,bootindex=%d", s.Card, s.MAC, o.nic)
	if s.PlainPXE || s.HTTPBoot {
		device += ",romfile="
	}
	return device
}

func (s spec) disk(o order) string {
	device := map[Bus]string{Virtio: "virtio-blk-pci", NVMe: "nvme", SCSI: "scsi-hd,bus=bus0.0", SATA: "ide-hd,bus=bus0.0"}[s.Bus]
	return fmt.Sprintf("%s,id=hd0,drive=disk0,serial=LAB%04d,bootindex=%d", device, s.Index, o.disk)
}
