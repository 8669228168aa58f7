package actors

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/config"
)

// readEnvironment finds the environment of a request and the files that it needs.
func (j *job) readEnvironment(s *config.Snapshot, a fileAccess) (err error) {
	a.holds.begin(j.id)
	if len(j.key) > maxKeys {
		return fmt.Errorf("the ssh keys have %d bytes; at most %d are taken", len(j.key), maxKeys)
	}
	if j.entry != nil {
		j.env, err = parseEntry(*j.entry)
	} else {
		j.env, err = environment(s, j.request)
	}
	if err != nil {
		return err
	}
	if err := j.readCustoms(); err != nil {
		return err
	}
	if err := j.resolve(s, a); err != nil {
		return err
	}
	image := j.env.Image.Path
	if slices.Contains(j.missing, image) || isURL(image) {
		return nil
	}
	if j.imageSize, err = regularSize(image); err != nil {
		return fmt.Errorf("image of %s: %w", j.env.Name, j.worded(err))
	}
	return nil
}

// environment reads the description that came with the request, or the one the site deploys by default.
func environment(s *config.Snapshot, r *message.Submit) (*config.Environment, error) {
	text, path := r.GetEnvironment(), r.GetEnvironmentPath()
	if len(text) == 0 {
		if path = s.Global.Environment; path == "" {
			return nil, errors.New("no environment: give one with -a FILE, or set `environment` in deploy.conf")
		}
		var err error
		if text, err = readFileAt(path); err != nil {
			return nil, fmt.Errorf("the default environment: %w", err)
		}
	}
	if len(text) > maxDescription {
		return nil, fmt.Errorf("%s: a description has at most %d bytes, this one has %d", path, maxDescription, len(text))
	}
	env, problems := config.ParseEnvironment(text, path)
	if problems.HasErrors() {
		return nil, errors.New(strings.ReplaceAll(problems.Error(), "\n", "; "))
	}
	return env, nil
}

func readFileAt(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxDescription+1))
}

// regularSize refuses what cannot be an image before the request is accepted.
func regularSize(path string) (int64, error) {
	info, err := os.Stat(path) // before it is opened: opening a pipe would wait, and a device may act
	switch {
	case strings.Contains(path, "://"):
		return 0, fmt.Errorf("%s: only files of environments are fetched: copy the file to the server and name its path", path)
	case err != nil:
		return 0, err
	case info.IsDir():
		return 0, fmt.Errorf("%s is a directory", path)
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), f.Close()
}
