package main_test

import (
	"net"

	. "github.com/onsi/gomega"
)

// freePort is a port that was free a moment ago; the marker port has to be named.
func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
