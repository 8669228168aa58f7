package broadcast_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/broadcast"
)

var _ = Describe("a report", func() {
	report := &broadcast.Report{
		OK: 2, KO: 1, Bytes: 67108864, Image: "3f", Seconds: 2.84, ExitCode: broadcast.ExitSome,
		Nodes: []broadcast.Node{
			{Name: "n1", OK: true, Bytes: 67108864, Seconds: 2.8},
			{Name: "n2", OK: true, Bytes: 67108864, Seconds: 5.6, Late: true, Corrupt: 1, Spoiler: "n1",
				Skips: []broadcast.Skip{{By: "n1", Offset: 32505856, Cause: "silent for 2s"}}},
			{Name: "n3", Cause: "lost by n1: dial:\x1b[2J connection refused", Skips: []broadcast.Skip{{By: "n1", Cause: "dial: connection refused"}}},
		},
	}

	It("is a table for people", func() {
		var b strings.Builder
		Expect(report.WriteText(&b)).To(Succeed())
		Expect(b.String()).To(Equal(`NODE  STATE  BYTES     SECONDS  MB/s  SKIPS  CAUSE
n1    OK     67108864  2.8      24.0  0
n2    OK     67108864  5.6      12.0  1      fed late by the head; skipped by n1: silent for 2s; corrupt chunks that were sent again: 1, from n1
n3    KO     0         0.0      -     1      lost by n1: dial: [2J connection refused
2 of 3 nodes OK, 67108864 bytes in 5.6 s (12.0 MB/s), image blake3-manifest 3f (exit code 2)
`))
	})

	It("is one document for programs", func() {
		var b strings.Builder
		Expect(report.WriteJSON(&b)).To(Succeed())
		Expect(b.String()).To(MatchJSON(`{
			"ok": 2, "ko": 1, "bytes": 67108864, "image": "3f", "seconds": 2.84, "exit_code": 2,
			"nodes": [
				{"name": "n1", "ok": true, "bytes": 67108864, "seconds": 2.8, "late": false},
				{"name": "n2", "ok": true, "bytes": 67108864, "seconds": 5.6, "late": true, "corrupt": 1, "spoiler": "n1",
				 "skips": [{"by": "n1", "offset": 32505856, "cause": "silent for 2s"}]},
				{"name": "n3", "ok": false, "bytes": 0, "seconds": 0, "late": false, "cause": "lost by n1: dial:\u001b[2J connection refused",
				 "skips": [{"by": "n1", "offset": 0, "cause": "dial: connection refused"}]}
			]}`))
	})
})
