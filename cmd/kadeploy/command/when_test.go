package command_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/cmd/kadeploy/command"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.Local)

var _ = Describe("A time of the past", func() {
	DescribeTable("is said as people do", func(text string, want time.Time) {
		got, err := command.Moment(text, noon)
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(BeTemporally("==", want))
	},
		Entry(nil, "90m", noon.Add(-90*time.Minute)),
		Entry(nil, "12h", noon.Add(-12*time.Hour)),
		Entry(nil, "7d", noon.Add(-7*24*time.Hour)),
		Entry(nil, "4w", noon.Add(-28*24*time.Hour)),
		Entry(nil, "2026-11-01", time.Date(2026, 11, 1, 0, 0, 0, 0, time.Local)),
		Entry(nil, "2026-11-01 18:30", time.Date(2026, 11, 1, 18, 30, 0, 0, time.Local)),
		Entry(nil, "2026-11-01 18:30:15", time.Date(2026, 11, 1, 18, 30, 15, 0, time.Local)),
		Entry(nil, "2026-11-01T18:30:00Z", time.Date(2026, 11, 1, 18, 30, 0, 0, time.UTC)),
		Entry(nil, "2026-11-01T18:30:00+02:00", time.Date(2026, 11, 1, 16, 30, 0, 0, time.UTC)),
	)

	DescribeTable("that is none is refused", func(text string) {
		_, err := command.Moment(text, noon)
		Expect(err).To(MatchError(ContainSubstring("like 7d")))
	},
		Entry(nil, ""), Entry(nil, "d"), Entry(nil, "7"), Entry(nil, "-7d"), Entry(nil, "7y"), Entry(nil, "99999d"), Entry(nil, "9999w"),
		Entry(nil, "2026-13-01"), Entry(nil, "0001-01-01"), Entry(nil, "yesterday"), Entry(nil, "9999-01-01T00:00:00Z"),
	)
})

var _ = Describe("The server is asked for the past", func() {
	asked := func(args ...string) proto.Message {
		GinkgoHelper()
		f := newFake()
		u := newUse(f)
		Expect(u.run(args...)).To(BeZero(), u.err.String())
		Expect(f.changes).To(HaveLen(1))
		return f.changes[0]
	}
	at := func(text string) *timestamppb.Timestamp {
		GinkgoHelper()
		t, err := time.Parse(time.RFC3339, text)
		Expect(err).NotTo(HaveOccurred())
		return timestamppb.New(t)
	}

	It("as the command line says", func() {
		Expect(proto.Equal(asked("history"), &message.HistoryRequest{Limit: 50})).To(BeTrue())
		got := asked("history", "--node", "node-1.demo", "--user", "bob", "--kind", "reboot", "--failed", "--limit", "7", "--before", "R-9",
			"--since", "2026-11-01T00:00:00Z", "--until", "2026-11-02T00:00:00Z")
		Expect(proto.Equal(got, &message.HistoryRequest{Node: "node-1.demo", User: "bob", Kind: "reboot", Limit: 7, Before: "R-9",
			Outcomes: []message.Outcome{message.Outcome_FAILED, message.Outcome_PARTIAL},
			Since:    at("2026-11-01T00:00:00Z"), Until: at("2026-11-02T00:00:00Z")})).To(BeTrue(), "%v", got)
	})

	DescribeTable("and for the counts that are shown, no others", func(steps, nodes, causes bool, args ...string) {
		got := asked(append([]string{"stats", "--since", "2026-11-01T00:00:00Z"}, args...)...)
		Expect(proto.Equal(got, &message.StatsRequest{Since: at("2026-11-01T00:00:00Z"), Kind: "deploy", Steps: steps, Nodes: nodes, Causes: causes})).To(BeTrue(), "%v", got)
	},
		Entry(nil, true, true, true),
		Entry(nil, false, true, false, "--nodes"),
		Entry(nil, true, false, false, "--steps"),
		Entry(nil, false, false, true, "--failures"),
		Entry(nil, true, false, false, "--timeouts"),
		Entry(nil, true, false, false, "--timeouts", "--output", "csv"),
	)

	It("of operations of a kind, or of all", func() {
		Expect(asked("stats", "--kind", "reboot").(*message.StatsRequest).GetKind()).To(Equal("reboot"))
		Expect(asked("stats", "--kind", "all").(*message.StatsRequest).GetKind()).To(BeEmpty())
	})

	It("of the last thirty days, when nothing else is said", func() {
		since := asked("stats").(*message.StatsRequest).GetSince().AsTime()
		Expect(since).To(BeTemporally("~", time.Now().Add(-30*24*time.Hour), time.Minute))
	})
})

func FuzzMoment(f *testing.F) {
	for _, text := range []string{"7d", "9999w", "2026-11-01", "2026-11-01 18:30", "2026-11-01T18:30:00+02:00", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := command.Moment(text, noon)
		if err == nil && (at.Year() < 1970 || at.Year() > 9000 || timestamppb.New(at).CheckValid() != nil) {
			t.Errorf("%q is %s", text, at)
		}
	})
}
