package blockdev

import "strings"

// Disk is a disk as its names are matched against it.
type Disk struct {
	Device        string // /dev/sda, in this boot
	Serial, Model string
	Size          int64  // bytes
	WWID          string // naa.5000..., eui.0025..., as the kernel writes it
	Path          string // pci-0000:00:04.0..., as udev names it
}

// Is says whether a device, written in any of the three ways, means the disk.
func (d Disk) Is(device string) bool {
	if IsHint(device) {
		hint, err := ParseHint(device)
		return err == nil && hint.Matches(d)
	}
	link, ok := strings.CutPrefix(device, links)
	return d.Device == device || ok && d.Linked(link)
}

// Linked says whether udev would have made the link /dev/disk/KIND/NAME for the disk.
func (d Disk) Linked(link string) bool {
	kind, name, _ := strings.Cut(link, "/")
	switch kind {
	case "by-path":
		return d.Path != "" && strings.TrimPrefix(name, "virtio-") == d.Path
	case "by-id":
		return d.named(name)
	}
	return false
}

// named knows the names by world-wide name, and those that end with the serial number: virtio-SERIAL, nvme-MODEL_SERIAL,
// ata-MODEL_SERIAL, scsi-0VENDOR_MODEL_SERIAL.
func (d Disk) named(name string) bool {
	bus, rest, ok := strings.Cut(name, "-")
	if !ok {
		return false
	}
	if number, ok := strings.CutPrefix(d.WWID, "naa."); ok && (rest == "0x"+number || rest == "3"+number) {
		return bus == "wwn" || bus == "scsi"
	}
	if d.WWID != "" && bus == "nvme" && rest == d.WWID {
		return true
	}
	serial := underscored(d.Serial)
	if serial == "" {
		return false
	}
	return bus == "virtio" && rest == serial || strings.HasSuffix(rest, "_"+serial)
}

// underscored writes blanks as udev does.
func underscored(text string) string { return strings.Join(strings.Fields(text), "_") }
