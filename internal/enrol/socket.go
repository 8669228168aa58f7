package enrol

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// maxSocketPath is what fits into sockaddr_un (unix(7)).
const maxSocketPath = 107

// Socket is a unix socket that everybody on this machine may call.
type Socket struct {
	listener net.Listener
	lock     *os.File
}

// ListenUnix opens a socket. Its directory is made with mode 0755 when there is none; others than its owner may not write to it. A socket
// that a dead daemon left is replaced; a living one's is an error. The file PATH.lock stays.
func ListenUnix(path string) (*Socket, error) {
	s, err := listenUnix(path)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	return s, nil
}

func listenUnix(path string) (*Socket, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("the path has more than %d bytes: choose a shorter one", maxSocketPath)
	}
	if err := ownDirectory(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	if err = removeStale(path); err == nil {
		var listener net.Listener
		if listener, err = net.Listen("unix", path); err == nil {
			if err = os.Chmod(path, 0o666); err == nil {
				return &Socket{listener, lock}, nil
			}
			listener.Close()
		}
	}
	lock.Close()
	return nil, err
}

// Serve serves a Handler until the context ends, which is no error. Then the socket is gone.
func (s *Socket) Serve(ctx context.Context, handler http.Handler) error {
	return usual.serveUnix(ctx, s, handler)
}

func (l limits) serveUnix(ctx context.Context, s *Socket, handler http.Handler) error {
	defer s.lock.Close()
	return l.serve(ctx, newLobby(s.listener, l.most, l.mostOfOne), handler)
}

// ownDirectory makes sure that nobody else can put another socket in the place of ours.
func ownDirectory(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		return os.Chmod(dir, 0o755) // whatever the umask is, users must get through
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("the directory %s belongs to the user with the number %d: use one of the user that runs the server", dir, stat.Uid)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others than its owner may write to the directory %s: chmod go-w %s", dir, dir)
	}
	return nil
}

// lockFile holds a file until it is closed, or the process is dead.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, errors.New("another server is using it: stop that one first")
	}
	return f, nil
}

// removeStale removes a socket on which nobody listens.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("there is something that is not a socket: remove it or choose another path")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return errors.New("another server answers there: stop that one first")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}
