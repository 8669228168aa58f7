package mysqldump_test

import (
	"strings"
	"testing"

	"github.com/kadeploy/kadeploy/internal/mysqldump"
)

// BenchmarkReader reads rows of 100 bytes, kept and passed over.
func BenchmarkReader(b *testing.B) {
	row := "('1d3f0000001','blue-01.lab','SetDeploymentEnvUntrusted','BroadcastEnvChain',400,500,150,0,0,0,1256900000,'it\\'s')"
	dump := "CREATE TABLE t (a text,b text,c text,d text,e int,f int,g int,h int,i int,j int,k int,l text);\nINSERT INTO t VALUES " +
		strings.TrimSuffix(strings.Repeat(row+",", 10_000), ",") + ";\n"
	for name, want := range map[string]bool{"kept": true, "passed": false} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(dump)))
			for b.Loop() {
				r := mysqldump.New(strings.NewReader(dump), func(*mysqldump.Table) bool { return want })
				for {
					if _, err := r.Next(); err != nil {
						break
					}
				}
			}
		})
	}
}
