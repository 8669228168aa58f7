package labimage_test

import (
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/lab"
)

func TestMain(m *testing.M) {
	lab.PlayRole()
	os.Exit(m.Run())
}

func TestLabimage(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "images of the lab")
}
