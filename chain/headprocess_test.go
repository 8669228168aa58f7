package chain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/chain"
)

// orders are what a head in a process of its own is told.
type orders struct {
	Image string // a file
	Links []chain.Link
	Slow  int64 // the image is read slowly beyond this offset until stdin ends
}

// headProcess sends as it is told; it prints a line when it begins and its report when it has ended.
func headProcess(told string) int {
	var o orders
	if err := json.Unmarshal([]byte(told), &o); err != nil {
		return 2
	}
	image, err := os.ReadFile(o.Image)
	if err != nil {
		return 2
	}
	m, err := chain.BuildManifest(bytes.NewReader(image), chunk)
	if err != nil {
		return 2
	}
	gate := make(chan struct{})
	go func() {
		os.Stdin.Read(make([]byte, 1))
		close(gate)
	}()
	fmt.Println("sending")
	report, err := chain.Send(context.Background(), chain.SendConfig{
		Transfer: [16]byte{1, 2, 3}, Key: [32]byte{4, 5, 6}, Source: &throttle{bytes.NewReader(image), o.Slow, gate}, Manifest: m,
		Links: o.Links, DialTimeout: second, StallTimeout: second, Listen: "127.0.0.1:0",
	})
	if err != nil || json.NewEncoder(os.Stdout).Encode(report) != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// headOf starts a head process for the links of b that reads its image slowly beyond an offset until it is opened.
func (b *broadcast) headOf(image []byte, slow int64) (p *process, open func()) {
	GinkgoHelper()
	file := filepath.Join(GinkgoT().TempDir(), "image")
	Expect(os.WriteFile(file, image, 0o600)).To(Succeed())
	told, err := json.Marshal(orders{Image: file, Links: b.send.Links, Slow: slow})
	Expect(err).NotTo(HaveOccurred())
	out, in, err := os.Pipe()
	Expect(err).NotTo(HaveOccurred())
	p = launch(out, "CHAIN_HEAD="+string(told))
	out.Close()
	open = sync.OnceFunc(func() { in.Close() })
	DeferCleanup(open)
	return p, open
}

// report waits for the end of a head process.
func (p *process) report() (r chain.Report) {
	GinkgoHelper()
	p.expectExit("the head")
	Expect(json.NewDecoder(p.rest).Decode(&r)).To(Succeed())
	return r
}
