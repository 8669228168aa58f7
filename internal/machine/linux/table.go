package linux

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/blockdev"
	"github.com/kadeploy/kadeploy/internal/machine/script"
)

// table is what stands on a disk, as sfdisk reads it.
type table struct {
	label      string // dos, gpt
	sector     int64  // bytes of the disk's own sectors
	partitions []entry
}

// entry is one partition of a table. Places are bytes from the start of the disk.
type entry struct {
	number      int
	start, size int64
	kind        string // 83 or, with gpt, C12A7328-F81F-11D2-BA4B-00A0C93EC93B
	uuid        string // as kernels write it in root=PARTUUID=
}

// extended says that the partition is but a box for others; the kernel shows its first sector only.
func (e entry) extended() bool {
	return slices.Contains([]string{"5", "f", "85"}, strings.ToLower(e.kind))
}

// table reads the table from the disk.
func (d *Driver) table(ctx context.Context, disk block) (table, error) {
	var text strings.Builder // the tail is too short for a table of 128 partitions
	_, err := script.Tool(ctx, script.Config{Name: "sfdisk", Args: []string{"--json", disk.path}, Stdout: func(line string) {
		if text.Len() < maxTable {
			text.WriteString(line + "\n")
		}
	}})
	if err != nil {
		return table{}, fmt.Errorf("read the table back: %w", err)
	}
	t, err := parseTable(text.String(), disk.path)
	if err != nil {
		return table{}, fmt.Errorf("read the table back: %w", err)
	}
	return t, nil
}

// maxTable bounds what sfdisk may say of one disk, in bytes.
const maxTable = 256 << 10

func parseTable(text, disk string) (t table, err error) {
	var dump struct {
		Table struct {
			Label      string `json:"label"`
			ID         string `json:"id"` // with dos, 0x and 8 digits
			SectorSize int64  `json:"sectorsize"`
			Partitions []struct {
				Node  string `json:"node"`
				Start int64  `json:"start"`
				Size  int64  `json:"size"`
				Type  string `json:"type"`
				UUID  string `json:"uuid"`
			} `json:"partitions"`
		} `json:"partitiontable"`
	}
	if err := json.Unmarshal([]byte(text), &dump); err != nil {
		return t, fmt.Errorf("sfdisk --json: %w", err)
	}
	unit := max(dump.Table.SectorSize, sectorSize)
	t.label, t.sector = dump.Table.Label, unit
	for _, p := range dump.Table.Partitions {
		number, err := strconv.Atoi(strings.TrimPrefix(p.Node, strings.TrimSuffix(blockdev.Partition(disk, "1"), "1")))
		if err != nil {
			return t, fmt.Errorf("sfdisk --json: %q is no partition of %s", p.Node, disk)
		}
		if p.UUID == "" { // the kernel's way (block/partitions/msdos.c)
			p.UUID = fmt.Sprintf("%s-%02x", strings.TrimPrefix(dump.Table.ID, "0x"), number)
		}
		t.partitions = append(t.partitions, entry{number, p.Start * unit, p.Size * unit, p.Type, strings.ToLower(p.UUID)})
	}
	return t, nil
}

// agree waits until the kernel shows every partition of the table, with its device node, where the table says.
func (d *Driver) agree(ctx context.Context, disk block, t table) error {
	ctx, cancel := context.WithTimeout(ctx, d.appearing)
	defer cancel()
	for {
		err := d.compare(disk, t)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pollEvery):
		}
	}
}

func (d *Driver) compare(disk block, t table) error {
	there := make(map[int]block)
	for _, p := range d.sys.partitions(disk.name) {
		there[p.number] = p
	}
	for _, e := range t.partitions {
		p, ok := there[e.number]
		delete(there, e.number)
		switch {
		case !ok:
			return fmt.Errorf("the table has partition %d, which the kernel does not know", e.number)
		case p.start != e.start || p.size != e.size && !e.extended():
			return fmt.Errorf("partition %d is %d bytes from %d on in the table, %d bytes from %d on for the kernel", e.number, e.size, e.start, p.size, p.start)
		}
		if _, err := d.sys.present(p); err != nil {
			return err
		}
	}
	for number := range there {
		return fmt.Errorf("the kernel knows partition %d, which the table does not have", number)
	}
	return nil
}

// wipeNew clears the partitions that are not where one was before.
func (d *Driver) wipeNew(disk block, before, after table) error {
	for _, e := range after.partitions {
		if e.extended() || slices.ContainsFunc(before.partitions, func(b entry) bool { return b.start == e.start && b.size == e.size }) {
			continue
		}
		b, err := d.sys.resolve(blockdev.Partition(disk.path, strconv.Itoa(e.number)))
		if err != nil {
			return err
		}
		if err := wipe(b); err != nil {
			return err
		}
	}
	return nil
}
