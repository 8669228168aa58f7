package kadeploy3

import (
	"fmt"
	"strings"
	"time"

	"github.com/kadeploy/kadeploy/internal/nodeset"
	"github.com/kadeploy/kadeploy/internal/rights"
)

// rightRow is one row of rights.
type rightRow struct {
	user, node, part string
	place            Place
}

// giver is who is said to have given the rights.
const giver = "kadeploy3"

// book makes the rights of the rows. disk is the device that is deployed on a node, "" when it is not known.
func (d *database) book(now time.Time, disk func(node string) string) *rights.Book {
	book := rights.New()
	told := map[string]bool{}
	for _, row := range d.rights {
		part, err := d.part(row, disk(row.node), told)
		if err == nil {
			err = row.check()
		}
		if err == nil {
			err = book.Put(rights.Grant{User: row.user, Node: row.node, Part: part, By: giver, At: now})
		}
		if err != nil {
			d.report.lost(row.place, "right of %q to %q of node %q: %v", row.user, row.part, row.node, err)
			continue
		}
		d.report.Rights++
	}
	if d.report.Rights > 0 {
		d.report.note(Place{File: d.file, Row: "table rights"}, "rights have no end in Kadeploy3: those of jobs that ran at the dump stay until they are taken away (kadeploy rights list, del)")
	}
	return book
}

// check refuses what would mean something else here.
func (r rightRow) check() error {
	if r.user == rights.All {
		return fmt.Errorf("* is everybody here, and was the name of a user there")
	}
	if r.node == rights.All {
		return nil
	}
	names, err := nodeset.Expand(r.node)
	if err != nil || len(names) != 1 || names[0] != r.node || strings.ContainsAny(r.node, "*?") || strings.ContainsFunc(r.node, isBlank) {
		return fmt.Errorf("this is not the name of one node")
	}
	return nil
}

func isBlank(r rune) bool { return r <= ' ' }

// part is the number of a partition. The device is not part of a right here: that of another disk than the one that is
// deployed must not become a right to this one.
func (d *database) part(row rightRow, disk string, told map[string]bool) (string, error) {
	number, err := rights.Part(row.part)
	if err != nil || number == rights.All {
		return number, err
	}
	device := strings.TrimSuffix(row.part, number)
	for _, joint := range []string{"p", "-part"} { // /dev/nvme0n1p3, /dev/disk/by-id/x-part3
		if base := strings.TrimSuffix(device, joint); disk != "" && base == disk {
			device = base
		}
	}
	switch {
	case disk != "" && device != "" && device != disk:
		return "", fmt.Errorf("the disk that is deployed there is %s, and rights name its partitions only", disk)
	case disk == "" && device != "" && !told[device]:
		told[device] = true
		d.report.note(row.place, "rights to %sN are taken as rights to partition N of the disk that is deployed: see that it is %s", device, device)
	}
	return number, nil
}
