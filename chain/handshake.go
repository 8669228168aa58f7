package chain

import (
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

const (
	magic   = "KDCH"
	version = 2
)

// role is what a dialer came for.
type role uint8

const (
	roleFeed  role = 1 // a predecessor feeds the link it dials
	roleRange role = 2 // a link asks the head for bytes that its predecessor no longer holds
	roleJoin  role = 3 // a link asks the head to be fed by it
	roleProbe role = 4 // a predecessor measures the way to a link
)

// secret is what the two ends of a connection of one transfer share.
type secret struct {
	transfer [16]byte
	key      [32]byte
	tls      *tls.Config // nil: the image goes in the clear
}

// TransferID is the name of a transfer that has none but its key.
func TransferID(key [32]byte) (id [16]byte) {
	sum := mac(key, "transfer")
	copy(id[:], sum[:])
	return id
}

func newSecret(transfer [16]byte, key [32]byte, encrypt bool) (secret, error) {
	if transfer == [16]byte{} {
		transfer = TransferID(key)
	}
	s := secret{transfer: transfer, key: key}
	if !encrypt {
		return s, nil
	}
	var err error
	s.tls, err = newTLS()
	return s, err
}

type (
	hello     [56]byte // magic 4, version 1, role 1, zero 2, transfer 16, nonce 32
	challenge [40]byte // magic 4, version 1, zero 3, nonce 32
)

// ErrKey tells of a peer that did not prove that it has the key of the transfer.
var ErrKey = errors.New("peer does not have the key of this transfer")

// dialHandshake proves the key to the acceptor first, then asks for its proof. flag is the acceptor's word: it needs the manifest.
func dialHandshake(conn net.Conn, s secret, as role, timeout time.Duration) (w *wire, flag bool, err error) {
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, false, err
	}
	conn, binding, err := s.encryptDialed(conn)
	if err != nil {
		return nil, false, closedEarly(err)
	}
	w = newWire(conn)
	var h hello
	copy(h[:], magic)
	h[4], h[5] = version, byte(as)
	copy(h[8:], s.transfer[:])
	rand.Read(h[24:])
	if _, err := conn.Write(h[:]); err != nil {
		return nil, false, err
	}
	var c challenge
	if _, err := io.ReadFull(w.r, c[:]); err != nil {
		return nil, false, closedEarly(err)
	}
	if string(c[:4]) != magic {
		return nil, false, errors.New("peer does not speak the chain protocol")
	}
	if c[4] != version {
		return nil, false, fmt.Errorf("peer speaks version %d of the chain protocol, this is version %d", c[4], version)
	}
	if c[5]|c[6]|c[7] != 0 {
		return nil, false, errors.New("malformed challenge")
	}
	proof := mac(s.key, "dialer proof", h[:], c[:], binding)
	if _, err := conn.Write(proof[:]); err != nil {
		return nil, false, refused(err)
	}
	var answer [33]byte // flag 1, proof 32
	if _, err := io.ReadFull(w.r, answer[:]); err != nil {
		return nil, false, refused(err)
	}
	want := mac(s.key, "acceptor proof", h[:], c[:], answer[:1], binding)
	if subtle.ConstantTimeCompare(want[:], answer[1:]) != 1 {
		return nil, false, ErrKey
	}
	if answer[0] > 1 {
		return nil, false, errors.New("malformed answer")
	}
	w.sendTag = newTagger(mac(s.key, "dialer frames", h[:], c[:]))
	w.recvTag = newTagger(mac(s.key, "acceptor frames", h[:], c[:]))
	return w, answer[0] == 1, conn.SetDeadline(time.Time{})
}

// acceptHandshake gives a stranger 40 bytes that depend on no secret, and nothing more. The roles are those that are welcome.
func acceptHandshake(conn net.Conn, s secret, flag bool, timeout time.Duration, roles ...role) (w *wire, as role, err error) {
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, 0, err
	}
	conn, binding, err := s.encryptAccepted(conn)
	if err != nil {
		return nil, 0, err
	}
	w = newWire(conn)
	var h hello
	if _, err := io.ReadFull(w.r, h[:]); err != nil {
		return nil, 0, err
	}
	if string(h[:4]) != magic {
		return nil, 0, errors.New("peer does not speak the chain protocol")
	}
	var c challenge
	copy(c[:], magic)
	c[4] = version
	rand.Read(c[8:])
	if _, err := conn.Write(c[:]); err != nil {
		return nil, 0, err
	}
	if h[4] != version {
		return nil, 0, fmt.Errorf("peer speaks version %d of the chain protocol, this is version %d", h[4], version)
	}
	if h[6]|h[7] != 0 {
		return nil, 0, errors.New("malformed hello")
	}
	if as = role(h[5]); !slices.Contains(roles, as) || subtle.ConstantTimeCompare(h[8:24], s.transfer[:]) != 1 {
		return nil, 0, errors.New("peer asks for another role or transfer")
	}
	var proof [32]byte
	if _, err := io.ReadFull(w.r, proof[:]); err != nil {
		return nil, 0, err
	}
	due := mac(s.key, "dialer proof", h[:], c[:], binding)
	if subtle.ConstantTimeCompare(due[:], proof[:]) != 1 {
		return nil, 0, ErrKey
	}
	var answer [33]byte
	if flag {
		answer[0] = 1
	}
	mine := mac(s.key, "acceptor proof", h[:], c[:], answer[:1], binding)
	copy(answer[1:], mine[:])
	if _, err := conn.Write(answer[:]); err != nil {
		return nil, 0, err
	}
	w.sendTag = newTagger(mac(s.key, "acceptor frames", h[:], c[:]))
	w.recvTag = newTagger(mac(s.key, "dialer frames", h[:], c[:]))
	return w, as, conn.SetDeadline(time.Time{})
}

// mac is keyed BLAKE3 over a label and parts of fixed length, so that no two inputs read the same.
func mac(key [32]byte, label string, parts ...[]byte) (sum [32]byte) {
	m := newKeyed(key)
	m.Write([]byte{byte(len(label))})
	m.Write([]byte(label))
	for _, p := range parts {
		m.Write(p)
	}
	m.Sum(sum[:0])
	return sum
}

// closedEarly words the usual reasons for an end of the connection before the challenge.
func closedEarly(err error) error {
	if isBreak(err) && !isTimeout(err) {
		return errors.New("closed the connection after our hello: only one side has TLS, or it is busy")
	}
	return err
}

// refused words the end of a connection after the challenge. An acceptor that closes without having read the proof resets it.
func refused(err error) error {
	if isBreak(err) && !isTimeout(err) {
		return errors.New("closed the connection on our proof of the key: it has another key or transfer")
	}
	return err
}
