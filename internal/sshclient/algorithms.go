package sshclient

import (
	"errors"
	"net"
	"slices"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// algorithms are those of the keys that the site knows of a host. A host has several keys, and must be asked for one of these: any other
// would look like a stranger's. Nil when none is known.
func algorithms(known ssh.HostKeyCallback, host string, addr net.Addr) (names []string) {
	var all *knownhosts.KeyError
	if !errors.As(known(host, addr, nobody{}), &all) {
		return nil
	}
	for _, k := range all.Want {
		if kind := k.Key.Type(); kind == ssh.KeyAlgoRSA { // a key of many signatures; not SHA-1's
			names = append(names, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		} else {
			names = append(names, kind)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// nobody is a key that no host has: it is there to be told of all the others.
type nobody struct{}

func (nobody) Type() string                        { return "nobody" }
func (nobody) Marshal() []byte                     { return nil }
func (nobody) Verify([]byte, *ssh.Signature) error { return errors.New("nobody has this key") }
