package ipmi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/kadeploy/kadeploy/internal/power"
	"github.com/kadeploy/kadeploy/internal/power/ipmi"
	"github.com/kadeploy/kadeploy/internal/process"
)

// serial is the port of a machine: what is typed arrives at keys, and what is written to it comes out.
type serial struct {
	keys *gbytes.Buffer
	conn chan net.Conn
}

// withConsole starts a controller with a serial port.
func withConsole() (*simulator, *serial) {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(l.Close)
	port := &serial{gbytes.NewBuffer(), make(chan net.Conn, 1)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			port.conn <- conn
			_, _ = io.Copy(port.keys, conn)
		}
	}()
	return startSimulator(fmt.Sprintf(`  sol "tcp:127.0.0.1:%d" 115200`, l.Addr().(*net.TCPAddr).Port)), port
}

// overheard is a target whose controller is reached by way of somebody who counts the commands that it is sent: packets with the authentication
// type RMCP+ whose payload is an IPMI message.
func overheard(target power.Target) (power.Target, *atomic.Int64) {
	GinkgoHelper()
	behind, err := net.Dial("udp", target.Control.Address)
	Expect(err).NotTo(HaveOccurred())
	front, err := net.ListenPacket("udp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { front.Close(); behind.Close() })
	var commands atomic.Int64
	var client atomic.Pointer[net.Addr]
	go func() {
		for packet := make([]byte, 2048); ; {
			n, from, err := front.ReadFrom(packet)
			if err != nil {
				return
			}
			if n > 5 && packet[4] == 6 && packet[5]&0x3f == 0 {
				commands.Add(1)
			}
			client.Store(&from)
			_, _ = behind.Write(packet[:n])
		}
	}()
	go func() {
		for packet := make([]byte, 2048); ; {
			n, err := behind.Read(packet)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			_, _ = front.WriteTo(packet[:n], *client.Load())
		}
	}()
	target.Control.Address = front.LocalAddr().String()
	return target, &commands
}

// person is somebody at the console, by the driver.
type person struct {
	leave  context.CancelFunc
	screen *gbytes.Buffer
	types  io.Writer
	end    chan error
}

func sits(s *simulator, force bool) *person { return sitsAt(s.target, ipmi.Config{}, force) }

func sitsAt(target power.Target, cfg ipmi.Config, force bool) *person {
	ctx, cancel := context.WithCancel(context.Background())
	in, types := io.Pipe()
	p := &person{cancel, gbytes.NewBuffer(), types, make(chan error, 1)}
	context.AfterFunc(ctx, func() { in.Close() })
	go func() { p.end <- ipmi.New(cfg).Console(ctx, target, force, in, p.screen) }()
	DeferCleanup(func() { cancel(); Eventually(p.end).Should(Receive()) })
	return p
}

func (p *person) left() {
	GinkgoHelper()
	p.leave()
	Eventually(p.end).WithTimeout(5 * time.Second).Should(Receive(BeNil()))
	p.end <- nil // for the cleanup
}

var _ = Describe("The serial console, over LAN", func() {
	// joined waits until what is typed arrives: what a machine prints before is nobody's. It returns the machine's end.
	joined := func(p *person, s *serial) (conn net.Conn) {
		GinkgoHelper()
		Eventually(s.conn).WithTimeout(10 * time.Second).Should(Receive(&conn))
		_, err := io.WriteString(p.types, "root\r")
		Expect(err).NotTo(HaveOccurred())
		Eventually(s.keys).WithTimeout(10 * time.Second).Should(gbytes.Say("root\r"))
		return conn
	}

	It("shows what the machine prints and types what is typed", func() {
		s, port := withConsole()
		p := sits(s, false)
		conn := joined(p, port)
		for i := range 40 {
			fmt.Fprintf(conn, "line %d of what a kernel says when it boots\r\n", i)
		}
		Eventually(p.screen).WithTimeout(10 * time.Second).Should(gbytes.Say("line 39 of"))
		p.left()
	})

	It("is given back however it ends: the next one has it at once, many times", func() {
		s, port := withConsole()
		for range 10 {
			p := sits(s, false)
			Eventually(func() error { _, err := io.WriteString(p.types, "x"); return err }).Should(Succeed())
			Eventually(port.keys).WithTimeout(10 * time.Second).Should(gbytes.Say("x"))
			p.left()
		}
		Expect(ipmi.New(ipmi.Config{}).Do(context.Background(), s.target, power.OpStatus, "")).To(Equal(power.Off))
	})

	It("that ipmitool has open is said to be, and may be taken from it", func() {
		s, port := withConsole()
		_, number, err := net.SplitHostPort(s.target.Control.Address)
		Expect(err).NotTo(HaveOccurred())
		tool := exec.Command("ipmitool", "-I", "lanplus", "-C", "3", "-H", "127.0.0.1", "-p", number, "-U", "lab", "-P", "secret", "sol", "activate")
		master, slave, err := process.OpenTerminal() // it wants one
		Expect(err).NotTo(HaveOccurred())
		tool.Stdin = slave
		session, err := gexec.Start(tool, GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { session.Kill().Wait(); master.Close(); slave.Close() })
		Eventually(func() *gbytes.Buffer { _, _ = io.WriteString(master, "z"); return port.keys }).WithTimeout(10 * time.Second).Should(gbytes.Say("z"))

		second := sits(s, false)
		Eventually(second.end).WithTimeout(10 * time.Second).Should(Receive(MatchError(ContainSubstring("take it over with --force"))))
		second.end <- nil

		third := sits(s, true)
		Eventually(func() *gbytes.Buffer { _, _ = io.WriteString(third.types, "y"); return port.keys }).WithTimeout(10 * time.Second).Should(gbytes.Say("y"))
		third.left()
	})

	It("is kept by commands while nothing is typed or printed", func() {
		s, port := withConsole()
		target, commands := overheard(s.target)
		p := sitsAt(target, ipmi.Config{Alive: 20 * time.Millisecond}, false)
		joined(p, port)
		before := commands.Load()
		Eventually(commands.Load).WithTimeout(10 * time.Second).Should(BeNumerically(">", before+5))
		p.left()
	})

	It("of a controller that is gone ends with a word about it", func() {
		s, port := withConsole()
		p := sits(s, false)
		joined(p, port)
		Expect(s.process.Kill()).To(Succeed())
		Eventually(p.end).WithTimeout(20 * time.Second).Should(Receive(MatchError(ContainSubstring("BMC 127.0.0.1"))))
		p.end <- nil
	})
})
