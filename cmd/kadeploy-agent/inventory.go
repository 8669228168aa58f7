package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/internal/machine"
	"github.com/kadeploy/kadeploy/internal/machine/linux"
	"github.com/kadeploy/kadeploy/internal/wording"
)

func inventoryCommand() *cli.Command {
	return &cli.Command{
		Name:  "inventory",
		Usage: "list the disks of this machine and what is on them",
		Description: `Writes nothing to the disks. Without root's rights the content of disks stays unknown.

   kadeploy-agent inventory
   kadeploy-agent inventory --output json`,
		Action:       inventory,
		OnUsageError: usageError,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Value: "table", Usage: "`FORMAT`: table or json"},
		},
	}
}

func inventory(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	format := c.String("output")
	if format != "table" && format != "json" {
		return usage("inventory", "--output %q: want table or json", format)
	}
	disks, err := linux.Inventory(c.Context, linux.Config{})
	if err != nil {
		return fmt.Errorf("inventory: %w", err)
	}
	if format == "json" {
		out := json.NewEncoder(c.App.Writer)
		out.SetIndent("", "  ")
		return out.Encode(append([]machine.DiskInfo{}, disks...)) // [] rather than null
	}
	rows := [][]string{{"DEVICE", "SIZE", "HOLDS", "MODEL", "SERIAL", "IN USE"}}
	for _, d := range disks {
		rows = append(rows, []string{d.Device, wording.Size(uint64(d.Size)), holds(d.Content), d.Model, d.Serial, d.InUse})
		for _, p := range d.Partitions {
			rows = append(rows, []string{fmt.Sprintf("  partition %d", p.Number), wording.Size(uint64(p.Size)), holds(p.Content), "", "", p.Mounted})
		}
	}
	wording.Table(c.App.Writer, rows)
	return nil
}

func holds(c machine.Content) string {
	return strings.TrimSpace(c.Filesystem + " " + wording.Clean(c.Label))
}
