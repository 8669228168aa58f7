package linux

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/internal/machine/script"
	"github.com/kadeploy/kadeploy/internal/machine/sfdisk"
)

// feedSfdisk has sfdisk read the script. The last line that it prints is a goodbye; what is wrong is in the one before.
func feedSfdisk(ctx context.Context, disk block, lines []byte) (string, error) {
	output, err := script.Tool(ctx, script.Config{Name: "sfdisk", Stdin: lines,
		Args: []string{"--wipe", "always", "--wipe-partitions", "never", "--no-reread", "--no-tell-kernel", disk.path}})
	said := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(output), "Leaving."))
	if err != nil && said != "" && ctx.Err() == nil {
		err = fmt.Errorf("sfdisk: %s", said[strings.LastIndexByte(said, '\n')+1:])
	}
	return output, err
}

// fits says which partition of a script is smaller than it was asked to be: sfdisk makes the last one of a gpt table fit, and the first one of a dos
// table empty, without a word. Where it numbers the partitions in a way of its own, nothing is compared.
func fits(lines string, disk block, written table) error {
	const grain = 1 << 20 // sizes go to whole MiB
	wanted, err := sfdisk.Parse(lines, disk.path, written.sector)
	if err != nil { // sfdisk has understood it
		return nil
	}
	slices.SortFunc(wanted, func(a, b sfdisk.Entry) int { return a.Number - b.Number })
	if !slices.EqualFunc(wanted, written.partitions, func(w sfdisk.Entry, e entry) bool { return w.Number == e.number }) {
		return nil
	}
	for i, w := range wanted {
		if got := written.partitions[i].size; got+grain < w.Size {
			return fmt.Errorf("partition %d is to have %d MiB, and the disk has room for %d MiB", w.Number, w.Size>>20, got>>20)
		}
	}
	return nil
}
