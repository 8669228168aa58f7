package deploysystem

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kadeploy/kadeploy/internal/initramfs/layout"
)

// words are those of the kernel command line that are for this package. The agent reads its own.
type words struct {
	line    string
	drivers []string // kadeploy.drivers=a,b: modules to load before all others, in this order
	shell   bool     // kadeploy.shell=1, or said when the deployment system was built
	time    int64    // kadeploy.time=N: when the server wrote the boot profile, in seconds since 1970; 0: not said
}

func readWords() words {
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		say("%v", err)
	}
	w := parseWords(string(line))
	if _, err := os.Stat(layout.ShellMarker); err == nil {
		w.shell = true
	}
	return w
}

func parseWords(line string) words {
	w := words{line: line}
	for word := range strings.FieldsSeq(line) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "kadeploy.drivers":
			w.drivers = strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
		case "kadeploy.shell":
			w.shell = value == "1"
		case "kadeploy.time":
			w.time, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	return w
}

// release is the version of the running kernel.
func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
