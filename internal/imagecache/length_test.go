package imagecache_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/imagecache"
)

var _ = Describe("The length of a file", func() {
	content := image(1, 300_000)

	It("is what its server says, and nothing is fetched", func() {
		l, m := newLarder(), newMirror(content)
		Expect(l.Length(context.Background(), m.URL+"/x?key=secret")).To(BeEquivalentTo(300_000))
		Expect(l.files("")).To(Equal([]string{"lock"}))
	})

	DescribeTable("is not known", func(change func(*mirror), why string) {
		l, m := newLarder(func(c *imagecache.Config) { c.Silence = 200 * time.Millisecond }), newMirror(content)
		change(m)
		_, err := l.Length(context.Background(), m.URL+"/x?key=secret")
		Expect(err).To(MatchError(m.URL + "/x?...: " + why))
	},
		Entry("when there is no such file", func(m *mirror) { m.status = []int{404} }, "the server has no such file (status 404)"),
		Entry("when its server does not say it", func(m *mirror) { m.chunked = true }, "its server does not say how long it is"),
		Entry("when its server is silent", func(m *mirror) {
			m.hold = make(chan struct{})
			DeferCleanup(func() { close(m.hold) })
		}, "its server is silent"),
	)

	It("is asked for at good URLs only", func() {
		_, err := newLarder().Length(context.Background(), "http://user:secret@server/x")
		Expect(err).To(MatchError(ContainSubstring("a user or a password")))
		Expect(err.Error()).NotTo(ContainSubstring("secret"))
	})
})
