package config_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
)

var _ = Describe("Machines that start from the network", func() {
	DescribeTable("have the loader that is said, also in the words of Kadeploy3",
		func(word, want string) {
			site := minimal().and("deploy.conf", "http_listen = 127.0.0.1:25302\npxe_kind = "+word).and("cluster-c.conf", "power = command\ncmd_hard_reboot = true").load()
			Expect(site.Nodes[0].PXEKind).To(Equal(want))
		},
		Entry("PXElinux", "PXElinux", "pxelinux"),
		Entry("GPXElinux", "GPXElinux", "pxelinux"),
		Entry("IPXE", "IPXE", "ipxe"),
		Entry("GrubPXE", "GrubPXE", "grub"),
		Entry("grub", "grub", "grub"),
	)

	It("are told the address of the HTTP server, or what the site calls it", func() {
		Expect(minimal().and("deploy.conf", "http_listen = 127.0.0.1:25302").load().Global.HTTPURL).To(Equal("http://127.0.0.1:25302"))
		Expect(minimal().and("deploy.conf", "http_listen = 0.0.0.0:80").load().Global.HTTPURL).To(BeEmpty())
		Expect(minimal().and("deploy.conf", "http_listen = :80\nhttp_url = http://deploy.lab/").load().Global.HTTPURL).To(Equal("http://deploy.lab"))
	})

	It("run systems that have to call where the site, the cluster or the node says so", func() {
		site := minimal().and("deploy.conf", "http_listen = 127.0.0.1:25302\nphone_home = true").and("nodes.conf", "n3 127.1.0.3 c phone_home=false").load()
		Expect(node(site, "n1").PhoneHome).To(BeTrue())
		Expect(node(site, "n3").PhoneHome).To(BeFalse())
	})

	DescribeTable("are refused what cannot work",
		func(lines, want string) {
			_, problems := config.Load(minimal().and("deploy.conf", lines).and("cluster-c.conf", "power = command\ncmd_hard_reboot = true").write())
			Expect(problems.HasErrors()).To(BeTrue())
			Expect(problems.Error()).To(ContainSubstring(want))
		},
		Entry("iPXE without HTTP", "pxe_kind = ipxe", "http_listen is off"),
		Entry("iPXE with a server that has no name", "pxe_kind = ipxe\nhttp_listen = :80", "does not say what to call the server"),
		Entry("a system that is to call nobody", "phone_home = true", "(phone_home), but http_listen is off"),
		Entry("a system that is to call a server that has no name", "phone_home = true\nhttp_listen = :80", "(phone_home), but http_listen (:80) does not say"),
		Entry("a call that is no yes or no", "phone_home = perhaps", "phone_home"),
		Entry("PXELINUX under UEFI", "firmware = uefi", "PXELINUX is for a BIOS"),
		Entry("a loader nobody has", "pxe_kind = lilo", "pxe_kind: unknown value"),
		Entry("a URL that firmware does not speak", "http_url = ftp://a/", "is not an HTTP URL"),
		Entry("DHCP without an interface", "dhcp = full", "no interface to answer on"),
		Entry("a router that is no address", "dhcp_router = gw", "dhcp_router"),
		Entry("names by UUID, and none", "pxe_profile_name = uuid", "has none"),
		Entry("a UUID that is none", "uuid = 12", "is not a UUID"),
	)
})
