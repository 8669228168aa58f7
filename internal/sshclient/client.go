// Package sshclient logs in to a node as root with the site's key. The key of the host must be among those that the site knows; nothing is
// asked of anybody, no agent is used, and nothing is forwarded.
package sshclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

const (
	user         = "root"           // who else could write disks, or switch the machine off
	loginTimeout = 10 * time.Second // from the first byte to the end of the login
	maxKey       = 64 << 10         // bytes of a private key's file
)

// Config says who is called, and how both sides are known.
type Config struct {
	Host       string         // the node's name: what KnownHosts has it by
	Addr       netip.AddrPort // where it is called
	KeyFile    string         // a private key without a passphrase
	KnownHosts string         // the hosts' public keys, as ssh writes them (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)
}

// Client is a login. It ends with the context of its Dial.
type Client struct {
	*ssh.Client
	conn net.Conn
	stop func() bool
}

// Dial logs in. The error is one line, and never holds anything of the key.
func Dial(ctx context.Context, c Config) (*Client, error) {
	config, err := c.login()
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{Timeout: loginTimeout}).DialContext(ctx, "tcp", c.Addr.String())
	if err != nil {
		return nil, err
	}
	client := &Client{conn: conn, stop: context.AfterFunc(ctx, func() { _ = conn.Close() })}
	_ = conn.SetDeadline(time.Now().Add(loginTimeout)) // ssh.ClientConfig's Timeout is of the dial that is not done there
	link, channels, requests, err := ssh.NewClientConn(conn, c.host(), config)
	if err != nil {
		_ = client.Cut()
		return nil, explain(ctx, err)
	}
	_ = conn.SetDeadline(time.Time{})
	client.Client = ssh.NewClient(link, channels, requests)
	return client, nil
}

// Cut ends the connection without a word.
func (c *Client) Cut() error {
	c.stop()
	return c.conn.Close()
}

// Close ends the login.
func (c *Client) Close() error {
	c.stop()
	return c.Client.Close()
}

func (c Config) host() string { return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Addr.Port()))) }

func (c Config) login() (*ssh.ClientConfig, error) {
	if c.KeyFile == "" || c.KnownHosts == "" {
		return nil, errors.New("no ssh_key, or no ssh_known_hosts")
	}
	text, err := readKey(c.KeyFile)
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: not a private key without a passphrase (ssh_key)", c.KeyFile) // the error may hold some of it
	}
	known, err := knownhosts.New(c.KnownHosts)
	if err != nil {
		return nil, err
	}
	return &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: known, HostKeyAlgorithms: algorithms(known, c.host(), net.TCPAddrFromAddrPort(c.Addr)),
	}, nil
}

func readKey(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may read this private key (ssh_key); chmod 600 it", name)
	}
	return io.ReadAll(io.LimitReader(f, maxKey))
}

// explain says what an operator can do about a connection that is refused.
func explain(ctx context.Context, err error) error {
	unknown := (*knownhosts.KeyError)(nil)
	switch {
	case ctx.Err() != nil: // then it was cut by ourselves
		return fmt.Errorf("not done: %w", context.Cause(ctx))
	case errors.As(err, &unknown) && len(unknown.Want) == 0:
		return errors.New("its host key is not in ssh_known_hosts")
	case errors.As(err, &unknown):
		return errors.New("its host key is another one than that of ssh_known_hosts")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no login within %v", loginTimeout)
	case errors.Is(err, io.EOF):
		return errors.New("it closed the connection before it answered")
	}
	return err
}
