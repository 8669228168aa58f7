// Package ssh asks a node's own operating system to reboot or to switch off: the soft level of power, by root's ssh.
package ssh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/sshclient"
)

// Driver runs the commands. Its zero value is ready; it may be used by many goroutines.
type Driver struct {
	Silence time.Duration // after which a command that was started is taken for done; default 5 s
}

var _ power.Driver = Driver{}

// commands are what a node is asked; a shell of the node reads them, and they hold nothing of ours.
var commands = map[power.Op]string{power.OpReboot: "reboot -f", power.OpOff: "poweroff"}

// Do reboots the target or switches it off, softly; anything else is ErrNoCommand. A connection that is cut or falls
// silent when the command runs is a success: that is what a reboot does. The key of the host must be in the target's known_hosts.
func (d Driver) Do(ctx context.Context, target power.Target, op power.Op, level power.Level) (power.Status, error) {
	command := commands[op]
	if command == "" || level != power.Soft {
		return power.Unknown, fmt.Errorf("%s of %s by ssh: %w", power.Key(op, level), target.Name, power.ErrNoCommand)
	}
	if err := d.run(ctx, target, command); err != nil {
		return power.Unknown, fmt.Errorf("ssh root@%s %s: %w", target.Name, command, err)
	}
	return power.Unknown, nil
}

func (d Driver) run(ctx context.Context, target power.Target, command string) error {
	client, err := sshclient.Dial(ctx, sshclient.Config{
		Host: target.Name, Addr: netip.AddrPortFrom(target.Addr, uint16(target.SSHPort)),
		KeyFile: target.Control.SSHKey, KnownHosts: target.Control.SSHKnownHosts,
	})
	if err != nil {
		return err
	}
	defer client.Close()
	err = execute(client, command, cmp.Or(d.Silence, 5*time.Second))
	if ctx.Err() != nil { // then it was cut by ourselves
		return fmt.Errorf("not done: %w", context.Cause(ctx))
	}
	return err
}

const saidSize = 512 // bytes of what a command says of its failure

// execute returns nil when the command has succeeded, or was started and the connection is lost or silent.
func execute(client *sshclient.Client, command string, silence time.Duration) error {
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	said := &sshclient.Words{Limit: saidSize}
	session.Stderr = said
	if err := session.Start(command); err != nil {
		return fmt.Errorf("not started: %w", err)
	}
	defer time.AfterFunc(silence, func() { _ = client.Cut() }).Stop()
	err = session.Wait()
	if failed := (*ssh.ExitError)(nil); errors.As(err, &failed) && failed.Signal() == "" {
		if words := said.Bytes(); len(words) > 0 {
			return fmt.Errorf("exit status %d: %q", failed.ExitStatus(), words)
		}
		return fmt.Errorf("exit status %d", failed.ExitStatus())
	}
	return nil // done; or killed, or cut off, by the reboot itself
}
