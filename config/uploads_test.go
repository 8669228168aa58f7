package config_test

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
)

var _ = Describe("What users may name and send", func() {
	It("is no file of the server, and 16 GiB each, when the site says nothing", func() {
		g := minimal().load().Global
		Expect(g.ImageRoots).To(BeEmpty())
		Expect(g.UploadDir).To(Equal(filepath.Join(g.StateDir, "uploads")))
		Expect([]int64{g.UploadMax, g.UploadMaxUser, g.UploadMaxFile}).To(Equal([]int64{64 << 30, 16 << 30, 16 << 30}))
	})

	DescribeTable("is never what the daemon has for itself", func(lines, what string) {
		dir := minimal().write()
		conf := strings.ReplaceAll(lines, "DIR", dir)
		Expect(os.WriteFile(filepath.Join(dir, "deploy.conf"), []byte(conf), 0o600)).To(Succeed())
		_, diagnostics := config.Load(dir)
		Expect(diagnostics.HasErrors()).To(BeTrue())
		Expect(diagnostics.Error()).To(ContainSubstring(what))
	},
		Entry("its configuration", "image_roots = DIR", "holds the configuration"),
		Entry("what its configuration lies below", "image_roots = DIR/..", "holds the configuration"),
		Entry("its state", "image_roots = DIR/var", "holds state_dir"),
		Entry("what was fetched", "image_cache = images/c\nimage_roots = DIR/images", "holds image_cache"),
		Entry("a URL that is none of a directory", "image_urls = ftp://server/", "not the URL of a directory"),
		Entry("a URL with a password", "image_urls = https://u:p@server/", "not the URL of a directory"),
		Entry("what others have uploaded", "upload_dir = images/up\nimage_roots = DIR/images", "holds upload_dir"),
	)

	It("may be a directory of the configuration that holds neither", func() {
		dir := minimal().write()
		conf := "image_roots = " + dir + "/images\n"
		Expect(os.WriteFile(filepath.Join(dir, "deploy.conf"), []byte(conf), 0o600)).To(Succeed())
		Expect(loaded(config.Load(dir)).Global.ImageRoots).To(Equal([]string{dir + "/images"}))
	})

	DescribeTable("is at URLs below those of the site only", func(url string, may bool) {
		g := minimal().and("deploy.conf", "image_urls = https://images.lab/pub, http://mirror:8080/").load().Global
		Expect(g.MayFetch(url)).To(Equal(may))
	},
		Entry(nil, "https://images.lab/pub/debian.tar.zst", true), Entry(nil, "https://IMAGES.lab/pub/a/b?c=d", true),
		Entry(nil, "http://mirror:8080/x", true), Entry(nil, "http://images.lab/pub/x", false), Entry(nil, "https://images.lab/pub", false),
		Entry(nil, "https://images.lab/public/x", false), Entry(nil, "https://images.lab/pub/../x", false), Entry(nil, "https://images.lab/pub/%2e%2e/x", false),
		Entry(nil, "https://images.lab.evil/pub/x", false), Entry(nil, "https://images.lab@evil/pub/x", false), Entry(nil, "http://mirror/x", false),
		Entry(nil, "::", false),
	)

	It("is explained", func() {
		s := minimal().and("deploy.conf", "image_roots = /srv/images").load()
		list, err := s.Explain("n1")
		Expect(err).NotTo(HaveOccurred())
		var said []string
		for _, e := range list {
			if e.Key == "image_roots" || e.Key == "upload_dir" {
				said = append(said, e.Key+"="+e.Value)
			}
		}
		Expect(said).To(Equal([]string{"image_roots=/srv/images", "upload_dir=" + s.Global.UploadDir}))
	})
})
