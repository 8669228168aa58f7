package actors_test

import (
	"io"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/actors/message"
)

var _ = Describe("The services of machines that start", func() {
	// get is the status of a file over HTTP, and its text.
	get := func(s *site, file string) (int, string) {
		GinkgoHelper()
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Get("http://" + s.server().String() + ":25302/" + file)
		Expect(err).NotTo(HaveOccurred())
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		Expect(err).NotTo(HaveOccurred())
		return response.StatusCode, string(body)
	}

	It("hand out over HTTP what the profile of a node names today", func() {
		s := plannedSite(GinkgoT().TempDir(), blueprint{nodes: 1})
		s.global = map[string]string{"http_listen": s.server().String() + ":25302"}
		s.write()
		s.start()
		DeferCleanup(s.close)
		Expect(s.run(s.deployment()).ended.GetOutcome()).To(Equal(message.Outcome_ALL_OK))

		var kernel string
		for line := range strings.Lines(s.profileOf(1)) {
			if name, ok := strings.CutPrefix(line, "KERNEL "); ok {
				kernel = strings.TrimSpace(name)
			}
		}
		status, text := get(s, kernel)
		Expect(status).To(Equal(200))
		Expect(text).To(Equal(contents()[0].content), "the kernel of the image")
		Expect(s.profileOf(1)).To(ContainSubstring("root=/dev/sda3 panic=10"))

		status, _ = get(s, "kernels/deploy-vmlinuz")
		Expect(status).To(Equal(404), "no profile names the deployment system any more")
		status, text = get(s, "boot.ipxe")
		Expect(status).To(Equal(200))
		Expect(text).To(HavePrefix("#!ipxe\n"))
	})
})
