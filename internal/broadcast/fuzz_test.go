package broadcast_test

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/kadeploy/kadeploy/internal/broadcast"
)

// FuzzHosts: whatever is taken for a machine can be called, and is taken once.
func FuzzHosts(f *testing.F) {
	for _, seed := range []string{"n1", "n[1-3],m:80", "[::1]:80,[fe80::1%eth0]", "a:b:c", "[", "n[1,2]:[3-4]", "::1", ",", "[]", "[:]:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, set string) {
		if strings.Count(set, "-") > 2 || len(set) > 60 {
			return // large sets are nodeset's affair
		}
		var hosts broadcast.Hosts
		if hosts.Add("-N", set) != nil {
			return
		}
		seen := make(map[string]bool)
		for _, l := range hosts.Links() {
			host, port, err := net.SplitHostPort(l.Addr)
			n, _ := strconv.Atoi(port)
			if err != nil || host == "" || n < 1 || n > 65535 || l.Name == "" || seen[l.Name] || seen[l.Addr] {
				t.Errorf("%q has %+v", set, l)
			}
			seen[l.Name], seen[l.Addr] = true, true
		}
		if len(hosts.Links()) == 0 || hosts.Add("-N", set) == nil {
			t.Errorf("%q names nobody, or the same machines again", set)
		}
	})
}

// FuzzQuantities: a size or rate is positive, and its text is not read differently when a blank stands around it.
func FuzzQuantities(f *testing.F) {
	for _, seed := range []string{"1", "64M", "1.5GiB", "800Mbit", "1e3", "0x10", "1bit", "9999999T", "inf", "-1", "K"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, parse := range map[string]func(string) (int64, error){"size": broadcast.ParseSize, "rate": broadcast.ParseRate} {
			n, err := parse(text)
			again, errAgain := parse(" " + text + " ")
			if err == nil && n <= 0 || n != again || (err == nil) != (errAgain == nil) {
				t.Errorf("%s %q: %d, %v; between blanks %d, %v", name, text, n, err, again, errAgain)
			}
		}
	})
}
