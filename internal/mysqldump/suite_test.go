package mysqldump_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestMysqldump(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Mysqldump")
}
