package demoimage_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestDemoImage(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "demonstration images")
}
