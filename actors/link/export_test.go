package link

import (
	"errors"

	"github.com/asynkron/protoactor-go/remote"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// Checker checks messages as a stream does.
type Checker struct{ conversation }

// NewChecker makes one of a link at self whose peer may speak from an address, and has shaken hands or not.
func NewChecker(p Policy, self, peer string, greeted bool) (*Checker, error) {
	k, err := p.kinds()
	c := &Checker{conversation{kinds: k, self: self, identity: pki.Daemon(), claim: func(address string) error {
		if address != peer {
			return errors.New("another address")
		}
		return nil
	}}}
	if greeted {
		c.peer = peer
	}
	return c, err
}

// Take returns what the library would be given.
func (c *Checker) Take(raw []byte) (*remote.RemoteMessage, error) { return c.take(raw) }
