package torture_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestTorture(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "torture")
}
