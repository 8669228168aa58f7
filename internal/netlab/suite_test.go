package netlab_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestNetlab(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "netlab")
}
