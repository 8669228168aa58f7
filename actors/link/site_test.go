package link_test

import (
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/pki"
)

// authorityDir names the directory of the authority to the process that the specs attack.
const authorityDir = "KADEPLOY_LINK_TEST_AUTHORITY"

var (
	alice = pki.Identity{Kind: pki.KindUser, Name: "alice"}
	carol = pki.Identity{Kind: pki.KindUser, Name: "carol"}
	bob   = pki.Identity{Kind: pki.KindUser, Name: "bob"}
	node1 = pki.Identity{Kind: pki.KindNode, Name: "node-1"}
)

// site is the authority of all specs.
var site struct {
	dir       string
	authority *pki.Authority
}

func openSite() {
	GinkgoHelper()
	var err error
	site.dir, err = os.MkdirTemp("", "link-authority-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, site.dir)
	site.authority, err = pki.Open(pki.Config{Dir: site.dir})
	Expect(err).NotTo(HaveOccurred())
}

// walletOf certifies somebody.
func walletOf(id pki.Identity) *pki.Wallet {
	GinkgoHelper()
	return certified(site.authority, id)
}

func certified(authority *pki.Authority, id pki.Identity) *pki.Wallet {
	GinkgoHelper()
	w, err := pki.OpenWallet("")
	Expect(err).NotTo(HaveOccurred())
	Expect(w.NewKey()).To(Succeed())
	csr, err := w.CSR()
	Expect(err).NotTo(HaveOccurred())
	cert, err := authority.Sign(csr, id)
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Store(cert, authority.PEM())).To(Succeed())
	return w
}
