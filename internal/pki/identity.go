package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// Kind is what an identity is of. Its text is the host part of the identity's URI.
type Kind string

// The kinds there are.
const (
	KindUser   Kind = "user"
	KindNode   Kind = "node"
	KindDaemon Kind = "daemon" // has no name
)

const scheme = "ka://"

// Bounds of names, in bytes.
const (
	maxUser  = 64
	maxHost  = 253 // RFC 1035, 2.3.4, without the root's dot
	maxLabel = 63
)

// Identity is who somebody is. The zero value is nobody. Identities that are equal are the same one; case counts.
type Identity struct {
	Kind Kind
	Name string
}

// Daemon is the identity of the server.
func Daemon() Identity { return Identity{Kind: KindDaemon} }

// User checks the name of a user: 1 to 64 of a-z A-Z 0-9 . _ -, the first a letter or an underscore.
func User(name string) (Identity, error) { return check(Identity{KindUser, name}) }

// Node checks the name of a node: a host name of 1 to 253 characters, of labels of letters, digits, - and _.
func Node(host string) (Identity, error) { return check(Identity{KindNode, host}) }

// ParseIdentity reads ka://user/NAME, ka://node/HOST or ka://daemon, and nothing that is merely like it: what it accepts is what
// String writes.
func ParseIdentity(uri string) (Identity, error) {
	rest, ours := strings.CutPrefix(uri, scheme)
	if !ours || len(uri) > len(scheme)+len(KindDaemon)+1+maxHost {
		return Identity{}, errors.New("not an identity: want ka://user/NAME, ka://node/HOST or ka://daemon")
	}
	if rest == string(KindDaemon) {
		return Daemon(), nil
	}
	kind, name, _ := strings.Cut(rest, "/")
	if Kind(kind) == KindDaemon { // ka://daemon/
		return Identity{}, errors.New("not an identity: the daemon has no name")
	}
	return check(Identity{Kind(kind), name})
}

// String is the URI.
func (id Identity) String() string {
	if id.Kind == KindDaemon {
		return scheme + string(KindDaemon)
	}
	return scheme + string(id.Kind) + "/" + id.Name
}

// MarshalText implements encoding.TextMarshaler.
func (id Identity) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler, as ParseIdentity does.
func (id *Identity) UnmarshalText(text []byte) (err error) {
	*id, err = ParseIdentity(string(text))
	return err
}

// Of is the identity that a certificate carries. It says nothing about whether the certificate is good: that is Verify's to say.
func Of(cert *x509.Certificate) (Identity, error) {
	if len(cert.URIs) != 1 {
		return Identity{}, fmt.Errorf("the certificate carries %d URIs: want exactly one, the identity", len(cert.URIs))
	}
	return ParseIdentity(cert.URIs[0].String())
}

// check refuses what is no identity. Its errors show a name only when it is harmless to print.
func check(id Identity) (Identity, error) {
	switch {
	case id.Kind == KindDaemon && id.Name == "", id.Kind == KindUser && isUser(id.Name), id.Kind == KindNode && isHost(id.Name):
		return id, nil
	case id.Kind == KindUser:
		return Identity{}, fmt.Errorf("not the name of a user: %.80q: want 1 to %d of a-z A-Z 0-9 . _ -, the first a letter or _", id.Name, maxUser)
	case id.Kind == KindNode:
		return Identity{}, fmt.Errorf("not the name of a node: %.80q: want a host name of at most %d characters", id.Name, maxHost)
	}
	return Identity{}, fmt.Errorf("not a kind of identity: %.20q: want user, node or daemon", string(id.Kind))
}

func isUser(name string) bool {
	if name == "" || len(name) > maxUser || !isLetter(name[0]) && name[0] != '_' {
		return false
	}
	return only(name, "._-")
}

func isHost(name string) bool {
	if len(name) > maxHost {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel || !only(label, "_-") || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// only says that a name is made of ASCII letters, digits and some more.
func only(name, more string) bool {
	for i := range len(name) {
		if c := name[i]; !isLetter(c) && (c < '0' || c > '9') && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return true
}
