package command

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/wording"
	"github.com/kadeploy/kadeploy/pxe"
	"github.com/kadeploy/kadeploy/pxe/loaders"
)

// netboot puts the boot loaders below tftp_repository. Exit code 1: one that a node of the configuration needs is not there.
func (r *runner) netboot(c *cli.Context) error {
	switch args := c.Args().Slice(); {
	case len(args) == 0:
		return usage("netboot", "netboot what? install is known")
	case args[0] != "install":
		return usage("netboot", "unknown action %q: install is known", args[0])
	case len(args) > 1:
		return usage("netboot", "netboot install takes no argument %q", args[1])
	}
	snapshot, err := r.load(c)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	items, err := loaders.Install(ctx, loaders.Config{Root: snapshot.Global.TFTPRoot, DryRun: c.Bool("dry-run")})
	if err != nil {
		return err
	}
	needed := kinds(snapshot)
	rows, wanting := [][]string{{"FILE", "STATE", "BYTES", "FOR", "FROM"}}, 0
	for _, i := range items {
		if needed[i.For] && (i.State == loaders.Missing || i.State == loaders.Failed) {
			wanting++
		}
		state := string(i.State)
		if i.State == loaders.Installed && c.Bool("dry-run") {
			state = "to do"
		}
		rows = append(rows, []string{i.Name, state, strconv.Itoa(i.Size), string(i.For.Language + " " + pxe.Language(i.For.Firmware)), origin(i)})
	}
	wording.Table(r.Stdout, rows)
	if wanting > 0 {
		return fmt.Errorf("%d of the files that nodes of this configuration need are not below %s: see the list", wanting, snapshot.Global.TFTPRoot)
	}
	return nil
}

// origin says where a file comes from, or what to do about one that is not there.
func origin(i loaders.Item) string {
	switch i.State {
	case loaders.Missing:
		return "install the Debian package " + i.Package
	case loaders.Failed:
		return wording.Clean(i.Err.Error())
	}
	return i.From
}

// kinds are the loaders that the nodes of a configuration have.
func kinds(s *config.Snapshot) map[pxe.Loader]bool {
	all := make(map[pxe.Loader]bool)
	for _, n := range s.Nodes {
		if n.Power != "sandbox" {
			all[pxe.Loader{Language: pxe.Language(n.PXEKind), Firmware: pxe.Firmware(n.Firmware)}] = true
		}
	}
	return all
}

const netbootHelp = `Puts the boot loaders below tftp_repository, where the daemon serves them: PXELINUX with its modules and iPXE from Debian's
packages pxelinux, syslinux-common and ipxe, GRUB made by grub-mkimage of grub-pc-bin and grub-efi-amd64-bin. What is there already and
the same is kept; each file is replaced in one step. A package that is not installed is named.

EXIT CODES:
   0   all that the nodes of this configuration need is there
   1   some of it is not, or nothing could be done
   2   wrong usage or configuration

EXAMPLES:
   kadeploy-server netboot install -d /etc/kadeploy --dry-run
   kadeploy-server netboot install -d /etc/kadeploy`
