package lab

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// A machine's serial cable is a process for as long as the lab lives, with QEMU at one end and ipmi_sim at the other. QEMU comes and goes with
// the power, and ipmi_sim looks for its end when it starts and then every ten seconds only: without a cable that is always there, nobody at a
// console would see how a machine starts.

// serveCable is the cable of a machine. It says "ready" when both ends can be plugged in.
func serveCable(s spec) error {
	machine, err := net.Listen("unix", s.path("serial.sock"))
	if err != nil {
		return err
	}
	bmc, err := net.Listen("tcp", s.serialOverLAN())
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "ready")
	return connect(machine, bmc)
}

// connect carries what is said at each end to the other, until one of the listeners fails.
func connect(a, b net.Listener) error {
	var atA, atB plug
	failed := make(chan error, 2)
	go func() { failed <- atA.serve(a, &atB) }()
	go func() { failed <- atB.serve(b, &atA) }()
	return <-failed
}

// serialOverLAN is where ipmi_sim finds the serial line, on the loopback beside the switch.
func (s spec) serialOverLAN() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(9000+s.Index))
}

// plug is one end of the cable, and what is plugged in there.
type plug struct {
	mu   sync.Mutex
	conn net.Conn // nil while there is nothing
}

// serve takes one after the other who plugs in, and carries what he says to the other end.
func (p *plug) serve(at net.Listener, other *plug) error {
	for {
		conn, err := at.Accept()
		if err != nil {
			return err
		}
		p.hold(conn)
		io.Copy(other, conn)
		p.hold(nil)
		conn.Close()
	}
}

func (p *plug) hold(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conn = conn
}

// Write never fails: as with any cable, what nobody reads at the end is lost. A BMC that is mute has stopped to read; nobody waits for it.
func (p *plug) Write(said []byte) (int, error) {
	p.mu.Lock()
	conn := p.conn
	p.mu.Unlock()
	if conn != nil {
		conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		conn.Write(said)
	}
	return len(said), nil
}
