package linux

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// pathID is how udev's path_id names the way to a disk: that of the last PCI device, then the place behind it.
func pathID(real string) string {
	var id []string
	for _, part := range strings.Split(real, "/") {
		switch {
		case pciAddress.MatchString(part):
			id = []string{"pci-" + part}
		case ataPort.MatchString(part):
			id = append(id, "ata-"+part[len("ata"):])
		case nvmeName.MatchString(part):
			id = append(id, "nvme-"+part[strings.LastIndexByte(part, 'n')+1:])
		case scsiAddress.MatchString(part) && !slices.ContainsFunc(id, func(s string) bool { return strings.HasPrefix(s, "ata-") }):
			id = append(id, "scsi-0:"+part[strings.IndexByte(part, ':')+1:])
		}
	}
	return strings.Join(id, "-")
}

var (
	pciAddress  = regexp.MustCompile(`^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$`)
	ataPort     = regexp.MustCompile(`^ata[0-9]+$`)
	nvmeName    = regexp.MustCompile(`^nvme[0-9]+(c[0-9]+)?n[0-9]+$`)
	scsiAddress = regexp.MustCompile(`^[0-9]+:[0-9]+:[0-9]+:[0-9]+$`)
)

// String is how an error names a disk beside its path.
func (id identity) String() string {
	return fmt.Sprintf("model %q, serial %q, %.1f GB", id.Model, id.Serial, float64(id.Size)/1e9)
}
