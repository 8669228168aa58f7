package link

import "github.com/asynkron/protoactor-go/remote"

// Checker checks messages as a stream does.
type Checker struct{ conversation }

// NewChecker makes one of a link at self whose peer has shaken hands from an address, or has not when that is "".
func NewChecker(p Policy, self, peer string) (*Checker, error) {
	k, err := p.kinds()
	return &Checker{conversation{kinds: k, self: self, peer: peer}}, err
}

// Take returns what the library would be given.
func (c *Checker) Take(raw []byte) (*remote.RemoteMessage, error) { return c.take(raw) }
