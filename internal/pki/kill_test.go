package pki_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// victimDir is in the environment of a process that is to be killed.
const victimDir = "KADEPLOY_TEST_VICTIM"

// victim opens an authority, makes tokens and uses every second one, for ever. It says what it is about to do, and what is done.
func victim(dir string) {
	fmt.Println("opens")
	a, err := pki.Open(pki.Config{Dir: dir})
	if err != nil {
		fmt.Println("failed", err)
		os.Exit(1)
	}
	fmt.Println("pin", a.Pin())
	tokens, err := pki.OpenTokens(pki.TokensConfig{Dir: dir})
	for i := 0; err == nil; i++ {
		var text string
		if text, err = tokens.New(alice, time.Hour); err != nil {
			break
		}
		fmt.Println("made", text)
		if i%2 == 1 {
			fmt.Println("uses", text)
			if _, err = tokens.Redeem(text); err == nil {
				fmt.Println("used", text)
			}
		}
	}
	fmt.Println("failed", err)
	os.Exit(1)
}

var _ = Describe("A process that is killed at any moment", func() {
	It("leaves one authority, the tokens it has made, and none that it has used", func() {
		dir := GinkgoT().TempDir()
		pins, tokens := map[string]bool{}, map[string]string{}
		for lines := 1; lines <= 24; lines++ {
			child := exec.Command(os.Args[0], "-test.run=^$")
			child.Env = append(os.Environ(), victimDir+"="+dir)
			out, err := child.StdoutPipe()
			Expect(err).NotTo(HaveOccurred())
			Expect(child.Start()).To(Succeed())
			said := bufio.NewScanner(out)
			for i := 0; said.Scan(); i++ { // what it says after it was told to die counts as well
				what, of, _ := strings.Cut(said.Text(), " ")
				Expect(what).NotTo(Equal("failed"), of)
				if what == "pin" {
					pins[of] = true
				} else if of != "" {
					tokens[of] = what
				}
				if i+1 == lines {
					Expect(child.Process.Kill()).To(Succeed())
				}
			}
			Expect(child.Wait()).To(MatchError(ContainSubstring("killed")))
		}

		a, err := pki.Open(pki.Config{Dir: dir})
		Expect(err).NotTo(HaveOccurred())
		Expect(pins).To(Equal(map[string]bool{a.Pin(): true}))
		left, err := pki.OpenTokens(pki.TokensConfig{Dir: dir})
		Expect(err).NotTo(HaveOccurred())
		Expect(len(tokens)).To(BeNumerically(">", 10))
		for text, what := range tokens {
			id, err := left.Redeem(text)
			switch what {
			case "made":
				Expect(err).NotTo(HaveOccurred())
				Expect(id).To(Equal(alice))
			case "used":
				Expect(err).To(Equal(pki.ErrToken))
			}
		}
	})
})
