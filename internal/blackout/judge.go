package blackout

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kadeploy/kadeploy/actors/message"
)

// stay is the time that an operation had a node.
type stay struct {
	operation  string
	from, to   time.Time
	phase      message.NodePhase
	deployment bool
	stopped    bool   // at a breakpoint: it has no new system
	image      string // the name of the environment
}

// judge holds the events of all operations against each other and against the disks. It returns what is wrong.
func judge(dir string, operations map[string][]*message.Event) (wrong []string) {
	byNode := make(map[string][]stay)
	for id, events := range operations {
		stays, bad := read(id, events)
		wrong = append(wrong, bad...)
		for node, s := range stays {
			byNode[node] = append(byNode[node], s)
		}
	}
	for node, stays := range byNode {
		last := stays[0]
		for i, a := range stays {
			for _, b := range stays[:i] {
				if a.from.Before(b.to) && b.from.Before(a.to) {
					wrong = append(wrong, fmt.Sprintf("%s was in two operations at once: %s and %s", node, a.operation, b.operation))
				}
			}
			if a.to.After(last.to) && a.deployment || !last.deployment {
				last = a
			}
		}
		if last.deployment && last.phase == message.NodePhase_OK && !last.stopped {
			if err := deployed(filepath.Join(diskOf(dir, node), "part", "3"), last); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s is OK by %s, but %v", node, last.operation, err))
			}
		}
	}
	return wrong
}

// read is what one operation did, by node.
func read(id string, events []*message.Event) (stays map[string]stay, wrong []string) {
	stays = make(map[string]stay)
	settled := make(map[string]message.NodePhase)
	deployment, ended, image := false, false, ""
	for i, e := range events {
		if e.GetSeq() != uint64(i+1) {
			wrong = append(wrong, fmt.Sprintf("%s: event %d has number %d", id, i+1, e.GetSeq()))
		}
		if s := e.GetStarted(); s != nil {
			deployment = s.GetOperation() == message.Operation_DEPLOY
			image, _, _ = strings.Cut(s.GetEnvironment(), ":")
		}
		if n := e.GetNode(); n != nil {
			if p, over := settled[n.GetNode()]; over {
				wrong = append(wrong, fmt.Sprintf("%s: %s was %v and is %v in event %d", id, n.GetNode(), p, n.GetPhase(), i+1))
			}
			if terminal(n.GetPhase()) {
				settled[n.GetNode()] = n.GetPhase()
			}
			s, known := stays[n.GetNode()]
			if !known {
				s = stay{operation: id, from: e.GetTime().AsTime(), deployment: deployment, image: image}
			}
			s.to = e.GetTime().AsTime()
			stays[n.GetNode()] = s
		}
		if end := e.GetEnded(); end != nil {
			ended = true
			for _, n := range end.GetNodes() {
				if p, over := settled[n.GetName()]; over && p != n.GetPhase() {
					wrong = append(wrong, fmt.Sprintf("%s: %s was %v and is reported as %v", id, n.GetName(), p, n.GetPhase()))
				}
				if n.GetPhase() != message.NodePhase_OK && n.GetCause() == "" {
					wrong = append(wrong, fmt.Sprintf("%s: %s is %v without a cause", id, n.GetName(), n.GetPhase()))
				}
				if s, known := stays[n.GetName()]; known {
					s.phase, s.stopped = n.GetPhase(), n.GetStopped()
					stays[n.GetName()] = s
				}
			}
		}
	}
	if !ended || events[len(events)-1].GetEnded() == nil {
		wrong = append(wrong, fmt.Sprintf("%s: its last event is no end", id))
	}
	return stays, wrong
}

func terminal(p message.NodePhase) bool {
	switch p {
	case message.NodePhase_OK, message.NodePhase_KO, message.NodePhase_CUT, message.NodePhase_CANCELLED:
		return true
	}
	return false
}

// deployed looks at the file system of a node that is OK: the image is there, its post-install has run once, and nothing was changed since.
func deployed(root string, s stay) error {
	name, err := os.ReadFile(filepath.Join(root, release))
	if err != nil || string(name) != s.image {
		return fmt.Errorf("its disk has not the image %s but %q (%v)", s.image, name, err)
	}
	ran, err := os.ReadFile(filepath.Join(root, counted))
	if n := strings.Count(string(ran), "\n"); err != nil || n != 1 {
		return fmt.Errorf("its post-install ran %d times (%v)", n, err)
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		changed := info.Sys().(*syscall.Stat_t).Ctim
		if at := time.Unix(changed.Unix()); at.After(s.to) {
			return fmt.Errorf("%s was changed at %s, when it had been OK since %s", path, at.Format(time.StampMilli), s.to.Format(time.StampMilli))
		}
		return nil
	})
}
