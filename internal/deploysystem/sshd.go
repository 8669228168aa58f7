package deploysystem

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kadeploy/kadeploy/internal/initramfs/layout"
)

const (
	maxKeys     = 1 << 20         // bytes of the file with the keys
	loginTime   = 2 * time.Minute // as OpenSSH's LoginGraceTime: whoever watches the port may stay connected so long
	maxVisitors = 32              // connections at once
)

var errStranger = errors.New("this key is not in " + layout.Keys)

// sshd is this program as the ssh server of the deployment system, for people who look for a fault. Only the keys that the deployment
// system was built with or has been sent (Kadeploy3 send_key_in_deploy_env) may log in, as root; without any it answers and lets nobody in. The host key is made at each boot. It returns
// the exit code.
func sshd(listen string) int {
	config, err := sshConfig(layout.Keys)
	if err != nil {
		say("sshd: %v", err)
		return 1
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		say("sshd: %v", err)
		return 1
	}
	err = welcome(l, config)
	say("sshd: %v", err)
	return 1
}

// admits looks for a key in a file as authorized_keys; options are not looked at. A file that is not there has none.
func admits(file string, wanted ssh.PublicKey) bool {
	f, err := os.Open(file)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			say("sshd: %v", err)
		}
		return false
	}
	defer f.Close()
	keys, err := io.ReadAll(io.LimitReader(f, maxKeys))
	if err != nil {
		say("sshd: %v", err)
		return false
	}
	for {
		key, _, _, rest, err := ssh.ParseAuthorizedKey(keys)
		if err != nil {
			return false // there are no more
		}
		if bytes.Equal(key.Marshal(), wanted.Marshal()) {
			return true
		}
		keys = rest
	}
}

// sshConfig lets those in whose keys are in a file when they come.
func sshConfig(keys string) (*ssh.ServerConfig, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	host, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		return nil, err
	}
	config := &ssh.ServerConfig{
		MaxAuthTries: 6,
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !admits(keys, key) {
				return nil, errStranger
			}
			return nil, nil
		},
		ServerVersion: "SSH-2.0-kadeploy",
	}
	config.AddHostKey(host)
	return config, nil
}

// welcome serves until the listener fails.
func welcome(l net.Listener, config *ssh.ServerConfig) error {
	seats := make(chan struct{}, maxVisitors)
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		select {
		case seats <- struct{}{}:
			go func() {
				defer func() { <-seats }()
				visit(conn, config)
			}()
		default:
			conn.Close()
		}
	}
}

func visit(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(loginTime))
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return // who only looks whether the port answers comes here, too
	}
	conn.SetDeadline(time.Time{})
	say("sshd: %s from %v logged in", server.User(), conn.RemoteAddr())
	go ssh.DiscardRequests(requests)
	for c := range channels {
		if c.ChannelType() != "session" {
			c.Reject(ssh.UnknownChannelType, fmt.Sprintf("%q is not served here", c.ChannelType()))
			continue
		}
		channel, asked, err := c.Accept()
		if err != nil {
			return
		}
		go (&session{channel: channel}).serve(asked)
	}
}
