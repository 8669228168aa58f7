// Package ssh asks a node's own operating system to reboot or to switch off: the soft level of power, by root's ssh.
package ssh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/kadeploy/kadeploy/internal/power"
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
	cfg, err := clientConfig(target.Control.SSHKey, target.Control.SSHKnownHosts)
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(target.Addr.String(), strconv.Itoa(target.SSHPort)))
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	err = execute(conn, net.JoinHostPort(target.Name, strconv.Itoa(target.SSHPort)), cfg, command, cmp.Or(d.Silence, 5*time.Second))
	if ctx.Err() != nil { // then it was cut by ourselves
		return fmt.Errorf("not done: %w", context.Cause(ctx))
	}
	return err
}

// execute returns nil when the command has succeeded, or was started and the connection is lost or silent.
func execute(conn net.Conn, host string, cfg *ssh.ClientConfig, command string, silence time.Duration) error {
	link, channels, requests, err := ssh.NewClientConn(conn, host, cfg)
	if err != nil {
		return worded(err)
	}
	client := ssh.NewClient(link, channels, requests)
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	said := &start{}
	session.Stderr = said
	if err := session.Start(command); err != nil {
		return fmt.Errorf("not started: %w", err)
	}
	defer time.AfterFunc(silence, func() { _ = conn.Close() }).Stop()
	err = session.Wait()
	if failed := (*ssh.ExitError)(nil); errors.As(err, &failed) && failed.Signal() == "" {
		return fmt.Errorf("exit status %d%s", failed.ExitStatus(), said)
	}
	return nil // done; or killed, or cut off, by the reboot itself
}

func clientConfig(keyFile, hostsFile string) (*ssh.ClientConfig, error) {
	if keyFile == "" || hostsFile == "" {
		return nil, errors.New("no ssh_key, or no ssh_known_hosts")
	}
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: not a private key without a passphrase (ssh_key)", keyFile) // the error may hold some of it
	}
	known, err := knownhosts.New(hostsFile)
	if err != nil {
		return nil, err
	}
	return &ssh.ClientConfig{User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: known, Timeout: 10 * time.Second}, nil
}

// worded says what an operator can do about a connection that is refused.
func worded(err error) error {
	if unknown := (*knownhosts.KeyError)(nil); errors.As(err, &unknown) {
		if len(unknown.Want) == 0 {
			return errors.New("its host key is not in ssh_known_hosts")
		}
		return errors.New("its host key is another one than that of ssh_known_hosts")
	}
	if errors.Is(err, io.EOF) {
		return errors.New("it closed the connection before it answered")
	}
	return err
}

// start keeps the beginning of what a command says of its failure: a node may say as much as it likes.
type start struct{ kept []byte }

const startSize = 512 // bytes

func (s *start) Write(p []byte) (int, error) {
	s.kept = append(s.kept, p[:min(len(p), startSize-len(s.kept))]...)
	return len(p), nil
}

func (s *start) String() string {
	if len(s.kept) == 0 {
		return ""
	}
	return fmt.Sprintf(": %q", s.kept)
}
