package kadeploy3_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/kadeploy/kadeploy/config"
	"github.com/kadeploy/kadeploy/internal/kadeploy3"
	"github.com/kadeploy/kadeploy/internal/store"
	"github.com/kadeploy/kadeploy/internal/store/pgtest"
)

const logColumns = "`hostname` varchar(256), `step1` varchar(45), `step2` varchar(45), `step3` varchar(45), `retry_step1` tinyint(1), `retry_step2` tinyint(1)," +
	" `retry_step3` tinyint(1), `start` int(10), `step1_duration` int(10), `step2_duration` int(10), `step3_duration` int(10), `env` varchar(64)," +
	" `anonymous_env` varchar(6), `success` varchar(6), `error` varchar(255), `user` varchar(16)"

const (
	logTable   = "CREATE TABLE `log` (`wid` varchar(41), " + logColumns + ");\n"
	log2009    = "CREATE TABLE `log` (`deploy_id` varchar(41), " + logColumns + ");\n"
	nodesTable = "CREATE TABLE `nodes` (`hostname` varchar(256), `state` varchar(16), `env_id` int(10), `date` int(10), `user` varchar(16));\n"
	envsTable  = "CREATE TABLE `environments` (`id` int(10), `name` varchar(255), `version` int(10), `tarball` varchar(512), `user` varchar(255));\n"
	began      = 1400000000 // seconds since 1970
)

// logged is a row of log.
func logged(wid, host, steps, retries, took, end string) string {
	return fmt.Sprintf("INSERT INTO `log` VALUES ('%s','%s',%s,%s,%d,%s,'debian:3','false',%s,'bob');\n", wid, host, steps, retries, began, took, end)
}

const (
	allSteps = "'SetDeploymentEnvUntrusted','BroadcastEnvKascade','BootNewEnvKexec'"
	fine     = "'true',''"
)

// site is a server of two nodes.
func site(more string) *config.Snapshot {
	GinkgoHelper()
	dir := folder(more)
	out, _ := made(kadeploy3.Config{Dir: dir})
	return loaded(out)
}

var twoNodes = strings.NewReplacer("n-1 10.0.0.1 c", "n-[1-2] 10.0.0.[1-2] c", "kadeploy_server = ka.lab", "kadeploy_server = ka.lab\nhistory_keep = 0").Replace(minimalClassic)

func read(dump string) *kadeploy3.Past {
	GinkgoHelper()
	past, err := kadeploy3.ReadPast(context.Background(), dumped(dump), nil)
	Expect(err).NotTo(HaveOccurred())
	return past
}

// take takes a dump into a database.
func take(dump string, to kadeploy3.Server) *kadeploy3.Taken {
	GinkgoHelper()
	if to.Now.IsZero() {
		to.Now = moment
	}
	taken, err := read(dump).Take(context.Background(), to)
	Expect(err).NotTo(HaveOccurred())
	return taken
}

var _ = DescribeTableSubtree("The past of a dump", func(database func() string) {
	var db *store.Store
	var to kadeploy3.Server
	ctx := context.Background()

	BeforeEach(func() {
		var err error
		db, err = store.Open(ctx, store.Config{URL: database()})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(db.Close()).To(Succeed()) })
		to = kadeploy3.Server{Site: site(twoNodes), Into: db}
	})

	It("becomes operations that ended, with the ends of their nodes and their last tries", func() {
		taken := take(logTable+logged("D-1a", "n-1", allSteps, "0,1,0", "100,60,40", fine)+
			logged("D-1a", "n-2", "'SetDeploymentEnvUntrusted','BroadcastEnvKascade',''", "0,2,0", "100,50,0", `'false','BroadcastEnv-send_environment: n-2: broken \"pipe\"\n'`)+"-- Dump completed\n", to)
		Expect(lost(taken.Report)).To(BeEmpty())
		Expect([]int{taken.Deployments, taken.Results, taken.Known}).To(Equal([]int{1, 2, 0}))

		o, err := db.Operation(ctx, "K3-D-1a")
		Expect(err).NotTo(HaveOccurred())
		Expect(o).To(Equal(store.Operation{ID: "K3-D-1a", User: "bob", Kind: "deploy", Environment: "debian:3", Total: 2, OK: 1, KO: 1, Outcome: "PARTIAL",
			Since: time.Unix(began, 0).UTC(), Until: time.Unix(began+200, 0).UTC(), Text: "imported from Kadeploy3: 1 of 2 nodes OK"}))
		Expect(db.History(ctx, store.Query{Node: "n-2", Kind: "deploy", User: "bob"})).To(HaveLen(1))
		results, err := db.ResultsOf(ctx, o.ID, store.Span{To: "n-9"}, 10)
		Expect(err).NotTo(HaveOccurred())
		Expect(results).To(HaveExactElements(
			store.Result{Operation: o.ID, Node: "n-1", Cluster: "c", Phase: "ok", Tries: 2, At: time.Unix(began+200, 0).UTC()},
			store.Result{Operation: o.ID, Node: "n-2", Cluster: "c", Phase: "ko", Tries: 3, At: time.Unix(began+150, 0).UTC(),
				State: "BroadcastEnv/Kascade/send_environment", Cause: `n-2: broken "pipe"`}))
		steps, err := db.StepsOf(ctx, o.ID, store.Span{To: "n-9"}, 10)
		Expect(err).NotTo(HaveOccurred())
		Expect(steps).To(HaveLen(5))
		Expect(steps[1]).To(And(HaveField("Macro", "BroadcastEnv"), HaveField("Instance", "Kascade (Kadeploy3)"), HaveField("Try", 2),
			HaveField("Took", time.Minute), HaveField("At", time.Unix(began+100, 0).UTC()), HaveField("Outcome", store.StepOK)))
		Expect(steps[4]).To(And(HaveField("Outcome", store.StepFailed), HaveField("Micro", "send_environment"), HaveField("Try", 3)))
	})

	It("is counted apart from what this server does, once", func() {
		dump := logTable + logged("D-1a", "n-1", allSteps, "0,1,0", "100,60,40", fine) + logged("D-2a", "n-1", "'SetDeploymentEnvUntrusted','',''", "0,0,0", "9,0,0", "'false',''") +
			nodesTable + "INSERT INTO `nodes` VALUES ('n-1','deployed',7,1400000300,'bob');\n" + envsTable + "INSERT INTO `environments` VALUES (7,'debian',3,'x','bob');\n-- Dump completed\n"
		for i := range 2 {
			taken := take(dump, to)
			Expect([]int{taken.Deployments, taken.States, taken.Known, taken.KnownStates}).To(Equal([][]int{{2, 1, 0, 0}, {0, 0, 2, 1}}[i]))
			rates, err := db.NodeRates(ctx, "deploy", time.Time{}, time.Time{})
			Expect(err).NotTo(HaveOccurred())
			Expect(rates).To(HaveExactElements(store.NodeRate{Node: "n-1", Cluster: "c", OK: 1, KO: 1, Retries: 1}))
			times, err := db.StepTimes(ctx, "deploy", time.Time{}, time.Time{})
			Expect(err).NotTo(HaveOccurred())
			Expect(times).To(HaveLen(3))
			Expect(times).To(HaveEach(HaveField("Instance", HaveSuffix(" (Kadeploy3)"))))
			causes, err := db.Causes(ctx, "deploy", time.Time{}, time.Time{})
			Expect(err).NotTo(HaveOccurred())
			Expect(causes).To(HaveExactElements(HaveField("Cause", "no cause was written down")))
			Expect(db.Unended(ctx)).To(BeEmpty())
		}
	})

	It("has a deployment whole or not at all where a dump has more rows than are taken", func() {
		first, cut, whole := logged("D-1", "n-1", allSteps, "0,0,0", "1,1,1", fine), logged("D-2", "n-1", allSteps, "0,0,0", "2,2,2", fine), logged("D-2", "n-2", allSteps, "0,0,0", "2,2,2", fine)
		to.Now = moment
		past, err := kadeploy3.ReadSomePast(dumped(logTable+first+cut+whole+nodesTable+"INSERT INTO `nodes` VALUES ('n-1','deployed',-1,1400000300,'bob');\n-- Dump completed\n"), 2)
		Expect(err).NotTo(HaveOccurred())
		taken, err := past.Take(ctx, to)
		Expect(err).NotTo(HaveOccurred())
		Expect([]int{taken.Deployments, taken.Results, taken.NotTaken}).To(Equal([]int{1, 1, 2}))
		Expect(lost(taken.Report)).To(ConsistOf(
			HaveSuffix("1 deployment with some of the rows after the first 2: what is dumped alone must have all rows of it"),
			HaveSuffix("1 row after the first 2: dump them alone, by mysqldump --where, and import that, too")))
		Expect(db.Nodes(ctx)).To(HaveExactElements(HaveField("Operation", "")), "which one was the last is not known")

		taken = take(logTable+cut+whole+"-- Dump completed\n", to)
		Expect([]int{taken.Deployments, taken.Results, taken.Known}).To(Equal([]int{1, 2, 0}))
		Expect(db.Operation(ctx, "K3-D-2")).To(HaveField("Total", 2))
	})

	It("has the states of the nodes that the server knows nothing of, with what is on them and who put it there", func() {
		mine := store.NodeState{Node: "n-2", State: "free", Since: moment}
		Expect(db.Write(ctx, store.Batch{Nodes: []store.NodeState{mine}})).To(Succeed())
		taken := take(envsTable+"INSERT INTO `environments` VALUES (7,'debian',3,'x','bob');\n"+logTable+logged("D-1a", "n-1", allSteps, "0,0,0", "1,1,1", fine)+nodesTable+
			"INSERT INTO `nodes` VALUES ('n-1','deployed',7,1400000300,'bob'),('n-2','deployed',7,1400000300,'bob'),('n-9','deployed',7,1400000300,'bob'),('n-1','free',-1,1,'x');\n-- Dump completed\n", to)
		Expect(taken.States).To(Equal(1))
		Expect(taken.KnownStates).To(Equal(1))
		Expect(lost(taken.Report)).To(ConsistOf(HaveSuffix(`no node of the configuration is named "n-9"`), ContainSubstring(`unknown state "free"`)))
		Expect(db.Nodes(ctx)).To(HaveExactElements(
			store.NodeState{Node: "n-1", State: "deployed", Operation: "K3-D-1a", User: "bob", Environment: "debian:3", Since: time.Unix(1400000300, 0).UTC()}, mine))
	})
}, Entry("in SQLite", func() string { return "sqlite:" + filepath.Join(GinkgoT().TempDir(), "kadeploy.db") }),
	Entry("in PostgreSQL", func() string {
		server, err := pgtest.New()
		if err != nil {
			Skip("no PostgreSQL server can be made: " + err.Error())
		}
		DeferCleanup(func() { Expect(server.Close()).To(Succeed()) })
		url, err := server.Create("past")
		Expect(err).NotTo(HaveOccurred())
		return url
	}))

var _ = Describe("Of the past of a dump", func() {
	var to kadeploy3.Server
	BeforeEach(func() { to = kadeploy3.Server{Site: site(twoNodes)} })

	DescribeTable("a row is not taken that says too little", func(row, why string) {
		taken := take(logTable+row+logged("D-2", "n-2", allSteps, "0,0,0", "1,1,1", fine)+"-- Dump completed\n", to)
		Expect(taken.Deployments).To(Equal(1))
		Expect(lost(taken.Report)).To(HaveExactElements(HaveSuffix(why)))
	},
		Entry("no id", logged("", "n-1", allSteps, "0,0,0", "1,1,1", fine), `wid "" is not the name of an operation`),
		Entry("an id with blanks", logged("D 1", "n-1", allSteps, "0,0,0", "1,1,1", fine), `wid "D 1" is not the name of an operation`),
		Entry("no node", logged("D-1", "", allSteps, "0,0,0", "1,1,1", fine), "it names no node"),
		Entry("no start", strings.Replace(logged("D-1", "n-1", allSteps, "0,0,0", "1,1,1", fine), "1400000000", "0", 1), "start is 0: nobody knows when it was"),
		Entry("a time that is none", logged("D-1", "n-1", allSteps, "0,0,0", "1,-1,1", fine), `step2_duration "-1" is no number`),
		Entry("a reboot", logged("R-1", "n-1", allSteps, "0,0,0", "1,1,1", fine), "1 row of reboots, power and consoles: only deployments are taken"),
		Entry("an end in the future", strings.Replace(logged("D-1", "n-1", allSteps, "0,0,0", "1,1,1", fine), "1400000000", "4000000000", 1), "1 deployment ended later than now"),
		Entry("a node again", logged("D-2", "n-2", allSteps, "0,0,0", "2,2,2", fine), "1 row of nodes that their deployment has already: the first row was taken"),
	)

	It("nothing stays in memory of rows that are not kept", func() {
		dump := logTable + logged("D-1", "n-1", allSteps, "0,0,0", "1,1,1", fine)
		for i := range 50 {
			dump += logged(fmt.Sprint("R-", i), fmt.Sprint("r-", i), allSteps, "0,0,0", "1,1,1", fine) + logged(fmt.Sprint("D-9", i), fmt.Sprint("d-", i), allSteps, "0,0,0", "1,1,1", fine) +
				logged(fmt.Sprint("D 1", i), fmt.Sprint("b-", i), allSteps, "0,0,0", "1,1,1", fine)
		}
		past, err := kadeploy3.ReadSomePast(dumped(dump+"-- Dump completed\n"), 1)
		Expect(err).NotTo(HaveOccurred())
		Expect(past.Words()).To(Equal(7), "an id, a node, a user, an environment, and three instances")
	})

	It("what the server would forget is not taken, so that it is never counted twice", func() {
		to.Site = site(minimalClassic)
		taken := take(logTable+logged("D-1", "n-1", allSteps, "0,0,0", "1,1,1", fine)+"-- Dump completed\n", to)
		Expect(taken.Deployments).To(BeZero())
		Expect(lost(taken.Report)).To(HaveExactElements(HaveSuffix("1 deployment ended longer ago than history_keep, and would be forgotten when the server starts: set history_keep = 0 to have them")))
	})

	It("what the statistics would forget is taken, and the report says what to do", func() {
		dump := logTable + logged("D-1", "n-1", allSteps, "0,0,0", "1,1,1", fine) + "-- Dump completed\n"
		said := "1 deployment ended longer ago than statistics_keep, and will not be in the statistics once the server has started: set statistics_keep = 0 before, to have them there"
		taken := take(dump, to)
		Expect(taken.Deployments).To(Equal(1))
		Expect(lost(taken.Report)).To(BeEmpty())
		Expect(notes(taken.Report)).To(ContainSubstring(said))
		to.Site = site(strings.Replace(twoNodes, "history_keep = 0", "history_keep = 0\nstatistics_keep = 0", 1))
		Expect(notes(take(dump, to).Report)).NotTo(ContainSubstring("statistics_keep"))
	})

	It("rows of a deployment on several clusters belong together, whatever stands between them", func() {
		taken := take(logTable+logged("D-1", "n-1", allSteps, "0,0,0", "1,1,1", fine)+logged("D-2", "n-1", allSteps, "0,0,0", "1,1,1", fine)+
			logged("D-1", "n-2", allSteps, "0,0,0", "1,1,1", fine)+"-- Dump completed\n", to)
		Expect([]int{taken.Deployments, taken.Results}).To(Equal([]int{2, 3}))
	})

	It("states of nodes that are not known are named, and nothing is written by a look", func() {
		taken := take(nodesTable+"INSERT INTO `nodes` VALUES ('n-1','on fire',-1,1,'bob'),('n-2','deploying',1,1400000000,'bob');\n-- Dump completed\n", to)
		Expect(lost(taken.Report)).To(HaveExactElements(HaveSuffix(`n-1: unknown state "on fire"`)))
		Expect(notes(taken.Report)).To(ContainSubstring("was not looked at"))
		Expect(taken.States).To(Equal(1))
	})

	It("the generations are read", func() {
		for _, generation := range []string{"2009", "3.3"} {
			all := to
			all.Site = site(strings.Replace(twoNodes, "n-[1-2] 10.0.0.[1-2] c", "blue-01.lab 10.0.0.1 c\ngraphene-1.site.lab 10.0.0.2 c", 1))
			taken := take(content(filepath.Join(fixtures, generation), "dump.sql"), all)
			Expect(lost(taken.Report)).To(BeEmpty(), generation)
			Expect(taken.Deployments).To(Equal(1), generation)
			Expect(taken.States).To(Equal(1), generation)
		}
	})

	It("an archive that fails is told, with what is there", func() {
		to.Into, to.Now = &failing{errors.New("disk full")}, moment
		_, err := read(logTable+logged("D-1", "n-1", allSteps, "0,0,0", "1,1,1", fine)+"-- Dump completed\n").Take(context.Background(), to)
		Expect(err).To(MatchError("disk full; 0 deployments and 0 states are taken: what is left is taken when this is done again"))
	})

	It("a dump of no use is refused", func() {
		_, err := kadeploy3.ReadPast(context.Background(), dumped("hello"), nil)
		Expect(err).To(MatchError(ContainSubstring("the dump is cut, or is no dump")))
	})
})

var _ = DescribeTable("An instance is known by every name that Kadeploy3 gave it", func(table, step, want string, tries int) {
	db, err := store.Open(context.Background(), store.Config{URL: "sqlite:" + filepath.Join(GinkgoT().TempDir(), "kadeploy.db")})
	Expect(err).NotTo(HaveOccurred())
	defer db.Close()
	take(table+logged("D-1", "n-1", "'"+step+"','',''", "1,0,0", "1,0,0", fine)+"-- Dump completed\n", kadeploy3.Server{Site: site(twoNodes), Into: db})
	steps, err := db.StepsOf(context.Background(), "K3-D-1", store.Span{To: "n-9"}, 10)
	Expect(err).NotTo(HaveOccurred())
	Expect(steps).To(HaveExactElements(And(HaveField("Instance", want+" (Kadeploy3)"), HaveField("Try", tries))))
},
	Entry("of 3.x", logTable, "SetDeploymentEnvUntrusted", "Untrusted", 2),
	Entry("with a number", logTable, "SetDeploymentEnv-Untrusted-1", "Untrusted", 2),
	Entry("alone", logTable, "Kexec", "Kexec", 2),
	Entry("of 2009, where the first try was counted, too", log2009, "SetDeploymentEnvProd", "Prod", 1),
	Entry("that is no name", logTable, "x y", "unknown", 2),
)

// failing is an archive that takes nothing.
type failing struct{ err error }

func (f *failing) Operation(context.Context, string) (store.Operation, error) {
	return store.Operation{}, store.ErrUnknown
}
func (f *failing) Nodes(context.Context) ([]store.NodeState, error) { return nil, nil }
func (f *failing) Write(context.Context, store.Batch) error         { return f.err }
