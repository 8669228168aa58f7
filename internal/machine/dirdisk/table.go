package dirdisk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kadeploy/kadeploy/internal/blockdev"
)

const (
	tableName = "table.json"
	swap      = "swap"
)

// Partition is one line of the table.
type Partition struct {
	Number     int    `json:"number"`               // from 1
	Size       int64  `json:"size,omitempty"`       // bytes; 0: the rest of the disk, or not known
	Type       string `json:"type,omitempty"`       // as the script wrote it: 83, 82, 5
	Filesystem string `json:"filesystem,omitempty"` // "": none
	Raw        bool   `json:"raw,omitempty"`        // an image was written to it
}

func (p *Partition) mountable() bool { return p.Filesystem != "" && p.Filesystem != swap }

func (p *Partition) extended() bool {
	return slices.Contains([]string{"5", "f", "85", "extended"}, p.Type)
}

// table is the content of table.json. Partitions are in the order of their numbers.
type table struct {
	Device     string      `json:"device"` // /dev/sda
	Partitions []Partition `json:"partitions"`
}

func (d *Disk) load() (*table, error) {
	text, err := os.ReadFile(filepath.Join(d.root, tableName))
	if errors.Is(err, fs.ErrNotExist) {
		return &table{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox disk: %w", err)
	}
	t := &table{}
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("sandbox disk: %s: %w", filepath.Join(d.root, tableName), err)
	}
	return t, nil
}

// store replaces the file at once: a reader sees the old table or the new one.
func (d *Disk) store(t *table) error {
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(d.root, tableName)
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("sandbox disk: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("sandbox disk: %w", err)
	}
	return nil
}

// find gives the partition of a device, /dev/sda3 or /dev/nvme0n1p3.
func (t *table) find(device string) (*Partition, error) {
	if t.Device == "" {
		return nil, fmt.Errorf("%s: the disk has no partition table", device)
	}
	for i := range t.Partitions {
		if p := &t.Partitions[i]; device == blockdev.Partition(t.Device, strconv.Itoa(p.Number)) {
			return p, nil
		}
	}
	if !strings.HasPrefix(device, t.Device) {
		return nil, fmt.Errorf("%s is no partition of %s", device, t.Device)
	}
	return nil, fmt.Errorf("%s: no such partition (the table of %s has %s)", device, t.Device, t.numbers())
}

func (t *table) numbers() string {
	if len(t.Partitions) == 0 {
		return "none"
	}
	var all []string
	for _, p := range t.Partitions {
		all = append(all, strconv.Itoa(p.Number))
	}
	return strings.Join(all, ", ")
}
