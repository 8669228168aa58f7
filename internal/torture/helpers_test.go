package torture_test

import (
	"bytes"
	"io"
	"math/bits"
	"net"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"

	"github.com/kadeploy/kadeploy/internal/torture"
)

var image = bytes.Repeat([]byte("0123456789abcdef"), 1<<16)

var _ = Describe("a sink that is not as it should be", func() {
	var out string

	BeforeEach(func() { out = filepath.Join(GinkgoT().TempDir(), "out") })

	It("takes its time", func() {
		begin := time.Now()
		Expect(torture.Sink{Out: out, Rate: 5e6}.Run(bytes.NewReader(image))).To(Succeed())
		Expect(time.Since(begin)).To(BeNumerically(">=", 150*time.Millisecond))
		Expect(os.ReadFile(out)).To(Equal(image))
	})

	It("stops and goes on", func() {
		begin := time.Now()
		Expect(torture.Sink{Out: out, StopAt: 1000, StopFor: 100 * time.Millisecond}.Run(bytes.NewReader(image))).To(Succeed())
		Expect(time.Since(begin)).To(BeNumerically(">=", 100*time.Millisecond))
		Expect(os.ReadFile(out)).To(Equal(image))
	})

	It("is full", func() {
		Expect(torture.Sink{Out: out, FullAt: 1000}.Run(bytes.NewReader(image))).To(MatchError("no space left on device"))
		Expect(os.ReadFile(out)).To(HaveLen(1000))
	})
})

var _ = Describe("a bad way", func() {
	// echo takes what comes and sends it back.
	echo := func() string {
		GinkgoHelper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(l.Close)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					all, _ := io.ReadAll(conn)
					conn.Write(all)
				}()
			}
		}()
		return l.Addr().String()
	}

	// through sends the image through a proxy to an echo.
	through := func(p torture.Proxy) ([]byte, error) {
		GinkgoHelper()
		p.Listen, p.To = "127.0.0.1:0", echo()
		said := gbytes.NewBuffer()
		go p.Run(said)
		Eventually(said).Should(gbytes.Say(`listening on (\S+)\n`))
		conn, err := net.Dial("tcp", string(bytes.Fields(said.Contents())[2]))
		Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		go func() {
			conn.Write(image)
			conn.(*net.TCPConn).CloseWrite()
		}()
		return io.ReadAll(conn)
	}

	flipped := func(got []byte) (n int) {
		GinkgoHelper()
		Expect(got).To(HaveLen(len(image)))
		for i := range got {
			n += bits.OnesCount8(got[i] ^ image[i])
		}
		return n
	}

	It("is a way", func() { Expect(through(torture.Proxy{In: true, Out: true})).To(Equal(image)) })

	It("flips bits on the side it is told, about as many as it is told", func() {
		one, err := through(torture.Proxy{Flips: 50, In: true})
		Expect(err).NotTo(HaveOccurred())
		Expect(flipped(one)).To(BeNumerically("~", 50, 35))
		both, err := through(torture.Proxy{Flips: 50, In: true, Out: true})
		Expect(err).NotTo(HaveOccurred())
		Expect(flipped(both)).To(BeNumerically("~", 100, 50))
	})

	It("stops for a while", func() {
		begin := time.Now()
		Expect(through(torture.Proxy{StallAt: 1000, StallFor: 100 * time.Millisecond})).To(Equal(image))
		Expect(time.Since(begin)).To(BeNumerically(">=", 100*time.Millisecond))
	})

	It("breaks connections", func() {
		got, err := through(torture.Proxy{Break: 0.1, Seed: 1})
		Expect(err != nil || len(got) < len(image)).To(BeTrue())
	})
})
