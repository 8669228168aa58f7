package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// sessions remembers on disk which process sessions belong to machines. An agent dies with the daemon by Pdeathsig; what
// it had started may not, and would go on writing to a disk that a new daemon hands to a new agent.
type sessions struct {
	lock *os.File // held for as long as the disks are ours; the kernel lets go of it when we die
	dir  string
}

// openSessions makes the disks below root ours, and ends what a former owner left running there.
func openSessions(root string) (*sessions, error) {
	lock, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%s is in use by another daemon or kadeploy-server sandbox: stop it first, or choose another directory (%w)", root, err)
	}
	s := &sessions{lock: lock, dir: filepath.Join(root, ".sessions")}
	if err := s.endAll(); err != nil {
		lock.Close()
		return nil, err
	}
	return s, nil
}

func (s *sessions) endAll() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	records, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, record := range records {
		file := filepath.Join(s.dir, record.Name())
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		// A session keeps its number from being used again. Should it have ended and another have its number, then that
		// one's programs were not started by an agent, which shows in their environment.
		if leader, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && leader > 1 {
			if err := killSession(leader, startedByAgent); err != nil {
				return fmt.Errorf("left by a former daemon: %w", err)
			}
		}
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return nil
}

// startedByAgent says whether a process is an agent or has its environment from one.
func startedByAgent(pid int) bool {
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && (bytes.HasPrefix(environ, []byte("KADEPLOY_")) || bytes.Contains(environ, []byte("\x00KADEPLOY_")))
}

func (s *sessions) began(node string, leader int) error {
	return os.WriteFile(filepath.Join(s.dir, node), []byte(strconv.Itoa(leader)+"\n"), 0o600)
}

func (s *sessions) ended(node string) error {
	err := os.Remove(filepath.Join(s.dir, node))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (s *sessions) close() { s.lock.Close() }

// anyProcess accepts every process of a session.
func anyProcess(int) bool { return true }
