package lab

import (
	"io"
	"net"
	"os"
)

// NewSerial is the console whose log is at path.
func NewSerial(name, path string) Serial { return Serial{name, path} }

// Connect is a machine's serial cable between two listeners.
func Connect(a, b net.Listener) error { return connect(a, b) }

// Met is what Check says of needs, which are pairs of a thing and its package.
func Met(kernel bool, pairs ...string) error {
	var all []need
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, need{pairs[i], pairs[i+1]})
	}
	return met(all, kernel)
}

// CallChassis calls the chassis program of a machine that is only a directory: its BMC has the fault f, and no machine is ever started.
func CallChassis(dir string, f Fault, out io.Writer, args ...string) error {
	c := chassis{spec{Name: "node-1", Dir: dir}, "ipmi"}
	if err := os.WriteFile(c.path("fault"), []byte(f), 0o600); err != nil {
		return err
	}
	return chassisProgram(controller{c}, args, out)
}
