package agentlink_test

import (
	"crypto/tls"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/pki"
)

// FuzzFrames sends what is no call over a connection that is encrypted as it should be. The server must hang up, or say what is wrong;
// a panic of it ends the test.
func FuzzFrames(f *testing.F) {
	f.Add([]byte(http2.ClientPreface))
	f.Add([]byte(http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
	f.Add([]byte(http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x05\x01\x05\x00\x00\x00\x01\x82\x84\x86\x41\x8a"))
	f.Add([]byte(http2.ClientPreface + "\xff\xff\xff\x00\x00\x00\x00\x00\x00"))
	authority, err := pki.Open(pki.Config{Dir: f.TempDir() + "/pki"})
	if err != nil {
		f.Fatal(err)
	}
	server, err := agentlink.Start(agentlink.Config{
		Listen: "127.0.0.1:0", Authority: authority, Boots: agentlink.NewBoots(nil),
		Joined: func(*agentlink.Session) { panic("nobody can join") }, Left: func(*agentlink.Session, error) {},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, frames []byte) {
		conn, err := tls.Dial("tcp", server.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = conn.Write(frames)
		_ = conn.CloseWrite()
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the server holds on to it")
		}
	})
}
