package tftp

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"
)

// Client says how Fetch reaches a server.
type Client struct {
	Server    netip.AddrPort
	From      netip.Addr    // own address; the zero value leaves it to the kernel
	BlockSize int           // asked for, 8 to 65464; 1428 when 0, which fits an Ethernet frame
	Timeout   time.Duration // until a packet is sent again; 1 second when 0
	Retries   int           // times that is done for one packet; 5 when 0
}

// ErrTooLarge means that the file is longer than the limit given to Fetch.
var ErrTooLarge = errors.New("file is larger than the limit")

// PeerError is the error packet of a server (RFC 1350, section 5).
type PeerError struct {
	Code    uint16
	Message string
}

func (e *PeerError) Error() string {
	return fmt.Sprintf("server says: %s (code %d)", e.Message, e.Code)
}

// Fetch reads the file name from the server into w, at most limit bytes, and returns how many it wrote. It returns as
// soon as ctx ends. Part of the file may have been written when it fails.
func Fetch(ctx context.Context, c Client, name string, w io.Writer, limit int64) (int64, error) {
	n, err := fetch(ctx, c, name, w, limit)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return n, fmt.Errorf("fetch %s from tftp server %s: %w", name, c.Server, err)
	}
	return n, nil
}

func fetch(ctx context.Context, c Client, name string, w io.Writer, limit int64) (int64, error) {
	c.BlockSize = cmp.Or(c.BlockSize, 1428)
	c.Timeout = cmp.Or(c.Timeout, time.Second)
	c.Retries = cmp.Or(c.Retries, 5)
	request, err := readRequest(name, c.BlockSize)
	if err != nil {
		return 0, err
	}
	var local *net.UDPAddr
	if c.From.IsValid() {
		local = net.UDPAddrFromAddrPort(netip.AddrPortFrom(c.From, 0))
	}
	conn, err := net.ListenUDP("udp", local)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()

	f := &fetcher{Client: c, ctx: ctx, conn: conn, peer: c.Server, buf: make([]byte, max(c.BlockSize, 512)+4)}
	n, err := f.run(request, w, limit)
	if err != nil && f.known {
		f.refuse(f.peer, err)
	}
	return n, err
}

// fetcher is one transfer, waiting for one block at a time.
type fetcher struct {
	Client
	ctx   context.Context
	conn  *net.UDPConn
	peer  netip.AddrPort
	known bool // the server's port of this transfer is known: peer is it
	buf   []byte
}

func (f *fetcher) run(request []byte, w io.Writer, limit int64) (n int64, err error) {
	block, size := uint16(1), 512
	p, err := f.exchange(request, block)
	if err != nil {
		return 0, err
	}
	if p.op == opOptions {
		if size, err = f.agreed(p, limit); err != nil {
			return 0, err
		}
		if p, err = f.exchange(ack(0), block); err != nil {
			return 0, err
		}
	}
	for {
		if p.op != opData || len(p.data) > size {
			return n, errors.New("unexpected packet")
		}
		if n+int64(len(p.data)) > limit {
			return n, ErrTooLarge
		}
		written, err := w.Write(p.data)
		n += int64(written)
		if err != nil {
			return n, err
		}
		if len(p.data) < size {
			_, err = f.conn.WriteToUDPAddrPort(ack(block), f.peer)
			return n, err
		}
		sent := ack(block)
		block++ // and round again from 0 after 65535 blocks
		if p, err = f.exchange(sent, block); err != nil {
			return n, err
		}
	}
}

// agreed reads the options that the server accepted.
func (f *fetcher) agreed(p packet, limit int64) (size int, err error) {
	size = 512
	for name, value := range p.options {
		switch {
		case name == "blksize" && value >= 8 && value <= int64(f.BlockSize):
			size = int(value)
		case name == "blksize":
			return 0, fmt.Errorf("server chose a block size of %d, %d was asked for", value, f.BlockSize)
		case name == "tsize" && value > limit:
			return 0, ErrTooLarge
		}
	}
	return size, nil
}

// exchange sends a packet until the data of block comes, or, before any, the options.
func (f *fetcher) exchange(send []byte, block uint16) (packet, error) {
	for range f.Retries + 1 {
		if err := f.conn.SetReadDeadline(time.Now().Add(f.Timeout)); err != nil {
			return packet{}, err
		}
		if f.ctx.Err() != nil { // looked at after the deadline was set: what ends ctx from here on sets an earlier one
			return packet{}, context.Cause(f.ctx)
		}
		if _, err := f.conn.WriteToUDPAddrPort(send, f.peer); err != nil {
			return packet{}, err
		}
		p, err := f.receive(block, send)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return p, err
		}
	}
	return packet{}, fmt.Errorf("no answer after %d tries of %v", f.Retries+1, f.Timeout)
}

// receive waits for what answers send.
func (f *fetcher) receive(block uint16, send []byte) (packet, error) {
	first := binary.BigEndian.Uint16(send) == opRead
	for {
		n, from, err := f.conn.ReadFromUDPAddrPort(f.buf)
		if err != nil {
			return packet{}, err
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if f.known && from != f.peer || from.Addr() != f.peer.Addr().Unmap() {
			f.refuse(from, &PeerError{Code: 5, Message: "unknown transfer"}) // RFC 1350, section 4
			continue
		}
		p, err := parse(f.buf[:n])
		if err != nil {
			continue // noise; the right packet may still come
		}
		switch {
		case p.op == opError:
			f.known = false // nothing to refuse: the transfer is over at the other end
			return packet{}, &PeerError{Code: p.number, Message: p.message}
		case p.op == opData && p.number == block, p.op == opOptions && first:
			f.peer, f.known = from, true
			return p, nil
		case p.op == opData && p.number == block-1, p.op == opOptions:
			// The server sends again what we have: our acknowledgement was lost (RFC 1350, section 2).
			if _, err := f.conn.WriteToUDPAddrPort(send, f.peer); err != nil {
				return packet{}, err
			}
		}
	}
}

// refuse tells a peer to stop; nothing depends on its arrival.
func (f *fetcher) refuse(to netip.AddrPort, why error) {
	code, text := uint16(0), why.Error()
	var pe *PeerError
	switch {
	case errors.As(why, &pe):
		code, text = pe.Code, pe.Message
	case errors.Is(why, ErrTooLarge):
		code = 3
	}
	_, _ = f.conn.WriteToUDPAddrPort(errorPacket(code, text), to)
}
