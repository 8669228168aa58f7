package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// PathSocket is where a server tells everybody the path of its unix socket, as {"socket": "/path"}.
const PathSocket = "/v1/socket"

const discovery = 2 * time.Second

// Discover asks a server on this machine for its socket, to be used with Local. Whoever answers at the address is not known yet; so a
// socket is believed only if it is root's, one of the user's own, or one of an account of the system.
func Discover(ctx context.Context, server string) (socket string, err error) {
	ctx, cancel := context.WithTimeout(ctx, discovery)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+server+PathSocket, nil)
	if err != nil {
		return "", err
	}
	anybody := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true} // nothing is told, and what is heard is checked
	answer, err := (&http.Transport{TLSClientConfig: anybody, Protocols: protocols(), DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var said struct{ Socket string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, 4<<10)).Decode(&said); err != nil {
		return "", fmt.Errorf("%s does not say where its socket is: %w", server, err)
	}
	return said.Socket, trustworthy(said.Socket)
}

// systemAccounts have lower numbers than people (login.defs(5), SYS_UID_MAX).
const systemAccounts = 1000

func trustworthy(socket string) error {
	info, err := os.Stat(socket)
	switch {
	case err != nil:
		return err
	case !filepath.IsAbs(socket) || info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is no socket", socket)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid >= systemAccounts && int(owner.Uid) != os.Getuid() {
		return errors.New("the server's socket is another user's: name it with -d CONFDIR or KADEPLOY_SOCKET if you trust it")
	}
	return nil
}

// LoggedIn says whether there is an identity of Login for a server.
func LoggedIn(server string) bool {
	dir, err := DefaultDir(server)
	if err != nil {
		return false
	}
	if _, err := os.Stat(dir); err != nil {
		return false
	}
	w, err := pki.OpenWallet(dir)
	if err != nil {
		return false
	}
	_, err = w.Certificate()
	return err == nil
}
