package torture_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/internal/torture"
)

const second = time.Second

// good is a run of three receivers in which nothing happened and all went well.
func good() (*torture.Scenario, *torture.Outcome) {
	s := &torture.Scenario{Size: 5, Stall: 2 * second, Orphan: 10 * second, Receivers: make([]torture.Receiver, 3)}
	o := &torture.Outcome{
		Sender: torture.Ending{Ended: 4 * second, Stderr: "  10.0 s    5 B\n"},
		Report: &torture.Report{OK: 3, Bytes: 5}, Names: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, OK: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, KO: []string{},
	}
	for _, name := range o.Names {
		o.Received = append(o.Received, torture.Received{Started: true, Content: torture.Whole,
			Ending: torture.Ending{Ended: 4 * second, Stderr: "listening on " + name + ":25303\nreceived 5 bytes in 1 s (0.0 MB/s), image blake3-manifest 00\n"}})
		o.Report.Nodes = append(o.Report.Nodes, torture.Node{Name: name, OK: true, Bytes: 5})
	}
	return s, o
}

// lose makes the second receiver one that failed, and that the sender knows as such.
func lose(o *torture.Outcome) {
	o.Received[1] = torture.Received{Started: true, Ending: torture.Ending{Ended: 5 * second, Code: 1, Stderr: "listening on x\nkadeploy-agent: lost\n"}}
	o.OK, o.KO = []string{"10.0.0.1", "10.0.0.3"}, []string{"10.0.0.2"}
	o.Report.OK, o.Report.KO, o.Report.ExitCode, o.Sender.Code = 2, 1, 2, 2
	o.Report.Nodes[1] = torture.Node{Name: "10.0.0.2", Cause: "lost"}
}

func strike(o *torture.Outcome, k torture.Kind, target int, until time.Duration) {
	o.Struck = append(o.Struck, torture.Strike{Fault: torture.Fault{Kind: k, Target: target}, From: second, Until: until})
}

// spoil puts a way that flips bits before the second receiver, and a larger image behind it.
func spoil(s *torture.Scenario, o *torture.Outcome, ways string) {
	s.Size = 20 << 20
	s.Faults = []torture.Fault{{Kind: torture.Corrupting, Target: 1, Amount: 4, Ways: ways}}
	for i := range o.Report.Nodes {
		o.Report.Nodes[i].Bytes = s.Size
	}
}

var _ = Describe("the judge", func() {
	judge := func(change func(*torture.Scenario, *torture.Outcome)) []string {
		s, o := good()
		change(s, o)
		return torture.Judge(s, o)
	}

	DescribeTable("has nothing to say", func(change func(*torture.Scenario, *torture.Outcome)) { Expect(judge(change)).To(BeEmpty()) },
		Entry("when all went well", func(*torture.Scenario, *torture.Outcome) {}),
		Entry("of a receiver that was killed", func(_ *torture.Scenario, o *torture.Outcome) {
			lose(o)
			o.Received[1] = torture.Received{Started: true, Beside: []string{"out.1.tmp"}, Ending: torture.Ending{Code: -1}}
			strike(o, torture.Killed, 1, second)
		}),
		Entry("of one that came back when the sender had ended", func(_ *torture.Scenario, o *torture.Outcome) {
			lose(o)
			strike(o, torture.Paused, 1, 5*second)
		}),
		Entry("of one that was killed when it had everything, and is waiting again", func(_ *torture.Scenario, o *torture.Outcome) {
			o.Received[1].Earlier = []torture.Ending{{Code: -1}}
			o.Received[1].Code, o.Received[1].Stderr = 1, "kadeploy-agent: nobody called\n"
			o.Sender.Ended = 20 * second
			strike(o, torture.Restarted, 1, 5*second)
		}),
		Entry("of one with a full disk", func(s *torture.Scenario, o *torture.Outcome) {
			lose(o)
			s.Faults = []torture.Fault{{Kind: torture.FullDisk, Target: 1}}
		}),
		Entry("of one that finished alone while it was cut off", func(_ *torture.Scenario, o *torture.Outcome) {
			whole := o.Received[1]
			lose(o)
			o.Received[1] = whole
			strike(o, torture.Cut, 1, second)
		}),
		Entry("of a way that flips bits, and is found out", func(s *torture.Scenario, o *torture.Outcome) {
			spoil(s, o, "both")
			o.Report.Nodes[1].Corrupt = 3
			o.Sender.Stderr += "10.0.0.2:25303 got 3 chunks corrupt from 10.0.0.1:25303, sent again\n"
		}),
		Entry("of one that made its receiver leave the chain", func(s *torture.Scenario, o *torture.Outcome) {
			spoil(s, o, "in")
			o.Report.Nodes[1].Skips = []torture.Skip{{By: "10.0.0.1", Cause: "connection closed"}}
		}),
		Entry("of a way that flips bits of what its receiver says", func(s *torture.Scenario, o *torture.Outcome) { spoil(s, o, "out") }),
		Entry("of a way that flips bits of TLS", func(s *torture.Scenario, o *torture.Outcome) {
			spoil(s, o, "in")
			s.TLS = true
		}),
		Entry("of one that had ended before the sender was started again", func(_ *torture.Scenario, o *torture.Outcome) {
			whole := o.Received[1]
			lose(o)
			o.Received[1] = whole
			o.Senders, o.Sender.Began = []torture.Ending{{Code: -1}}, 5*second
		}),
	)

	DescribeTable("sees", func(said string, change func(*torture.Scenario, *torture.Outcome)) {
		Expect(judge(change)).To(ConsistOf(MatchRegexp(said)))
	},
		Entry("a receiver that failed for nothing", "n2 could have the image, and exited 1: kadeploy-agent: lost",
			func(_ *torture.Scenario, o *torture.Outcome) { lose(o) }),
		Entry("one that came back in time and failed", "n2 could have the image", func(_ *torture.Scenario, o *torture.Outcome) {
			lose(o)
			o.Sender.Ended = 20 * second
			strike(o, torture.Paused, 1, 5*second)
		}),
		Entry("one that failed though it was not killed in the end", "n2 could have the image", func(_ *torture.Scenario, o *torture.Outcome) {
			lose(o)
			strike(o, torture.Killed, 1, second)
			o.Struck[0].Missed = true
		}),
		Entry("half a file", "n2 has a file that is not the image under its final name", func(_ *torture.Scenario, o *torture.Outcome) {
			lose(o)
			o.Received[1].Content = torture.Wrong
			strike(o, torture.Cut, 1, second)
		}),
		Entry("a draft that was left", `n2 left \[out.1.tmp\] behind`, func(_ *torture.Scenario, o *torture.Outcome) {
			lose(o)
			o.Received[1].Beside = []string{"out.1.tmp"}
			strike(o, torture.Cut, 1, second)
		}),
		Entry("a success without the image", "n2 exited 0 and has something else", func(s *torture.Scenario, o *torture.Outcome) {
			whole := o.Received[1]
			lose(o)
			o.Received[1], s.Receivers[1].Output = whole, torture.ToStdout
			o.Received[1].Content = torture.Wrong
			strike(o, torture.Cut, 1, second)
		}),
		Entry("a success that the sender takes for a failure", "n2 exited 0 and is in the sender's KO list", func(_ *torture.Scenario, o *torture.Outcome) {
			whole := o.Received[1]
			lose(o)
			o.Received[1] = whole
		}),
		Entry("a failure that the sender takes for a success", "n2 is in the sender's OK list and exited 1", func(_ *torture.Scenario, o *torture.Outcome) {
			o.Received[1].Code, o.Received[1].Stderr = 1, "kadeploy-agent: lost\n"
			strike(o, torture.Cut, 1, second)
		}),
		Entry("a receiver that hung", "n3 hung", func(_ *torture.Scenario, o *torture.Outcome) {
			o.Received[2].Overdue = true
		}),
		Entry("a sender that hung", "the sender hung", func(_ *torture.Scenario, o *torture.Outcome) {
			o.Sender.Overdue = true
		}),
		Entry("an exit code that does not fit", "the sender exited 0, and 0 by its report, where its lists mean 2", func(_ *torture.Scenario, o *torture.Outcome) {
			lose(o)
			strike(o, torture.Killed, 1, second)
			o.Sender.Code, o.Report.ExitCode = 0, 0
		}),
		Entry("a sender that gave up", "the sender could not go on: no space", func(_ *torture.Scenario, o *torture.Outcome) {
			lose(o)
			strike(o, torture.Killed, 1, second)
			o.Sender.Code, o.Report.ExitCode, o.Report.Error = 1, 1, "no space"
		}),
		Entry("a receiver in no list", "n2 is in both lists of the sender, or in none", func(_ *torture.Scenario, o *torture.Outcome) {
			o.OK, o.Report.OK = []string{"10.0.0.1", "10.0.0.3"}, 2
			o.Report.Nodes[1].OK, o.Report.Nodes[1].Cause = false, "lost"
		}),
		Entry("a cause that is none", "n2 is KO and the cause is no line", func(_ *torture.Scenario, o *torture.Outcome) {
			lose(o)
			strike(o, torture.Killed, 1, second)
			o.Report.Nodes[1].Cause = "a\nb"
		}),
		Entry("a panic", `n1 says "panic: runtime error"`, func(_ *torture.Scenario, o *torture.Outcome) {
			o.Received[0].Stderr = "listening on x\npanic: runtime error\n\ngoroutine 1 [running]:\n"
		}),
		Entry("a data race", `the sender says "WARNING: DATA RACE"`, func(_ *torture.Scenario, o *torture.Outcome) {
			o.Sender.Stderr = "==================\nWARNING: DATA RACE\n"
		}),
		Entry("a failure without a word", "n2 exited 1 and does not say why", func(_ *torture.Scenario, o *torture.Outcome) {
			lose(o)
			strike(o, torture.Cut, 1, second)
			o.Received[1].Stderr = "listening on x\n"
		}),
		Entry("a failure of many words", "n2 says more than a line", func(_ *torture.Scenario, o *torture.Outcome) {
			lose(o)
			strike(o, torture.Cut, 1, second)
			o.Received[1].Stderr = "listening on x\nsomething\nkadeploy-agent: lost\n"
		}),
		Entry("flipped bits that nobody counts", "the way to n2 flips bits, and the report counts none", func(s *torture.Scenario, o *torture.Outcome) {
			spoil(s, o, "in")
		}),
		Entry("corrupt chunks where nothing flips bits", "n3 has 1 corrupt chunks in the report, and no way flips bits", func(_ *torture.Scenario, o *torture.Outcome) {
			o.Report.Nodes[2].Corrupt = 1
		}),
		Entry("a receiver that left the chain for nothing", `n2 left the chain, by "the head", for ""`, func(_ *torture.Scenario, o *torture.Outcome) {
			o.Report.Nodes[1].Skips = []torture.Skip{{By: "the head"}}
		}),
		Entry("one that was given up by a stranger", `n2 left the chain, by "10.0.0.9"`, func(_ *torture.Scenario, o *torture.Outcome) {
			o.Report.Nodes[1].Skips = []torture.Skip{{By: "10.0.0.9", Cause: "silent for 2s"}}
		}),
		Entry("a program that was left", "left running: 17: sleep", func(_ *torture.Scenario, o *torture.Outcome) {
			o.Left = []string{"17: sleep"}
		}),
	)
})
