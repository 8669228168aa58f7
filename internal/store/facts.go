package store

import "time"

// Operation is one request and what became of it.
type Operation struct {
	ID          string // made by the daemon; up to 255 bytes
	User        string
	ClientID    string // made by the client, so that a request sent twice is one
	Kind        string // deploy, reboot, …
	Environment string // NAME:VERSION, "" when there is none
	MinNodes    int
	Total       int // nodes
	OK, KO      int // nodes; 0 until the end
	Since       time.Time
	Until       time.Time // zero: not ended
	Outcome     string    // "" until the end
	Text        string    // of the end, for people
	Request     []byte    // as the caller encodes it, up to 16 MiB
	Answer      []byte    // likewise
	Resumed     int       // how often a daemon has taken it up again
	Restored    bool      // it was under way when a backup was made, which was put back: what became of it then is not known
}

// Event is one fact of an operation, numbered from 1 by the caller.
type Event struct {
	Operation string
	Seq       uint64
	Time      time.Time
	Fact      []byte // up to 16 MiB
}

// Outcomes of steps.
const (
	StepOK     = "ok"
	StepFailed = "failed"
	StepCut    = "cut" // ended by others: the quorum, a cancellation, the end of the daemon

	// StepResumed was OK, and the daemon was stopped in the middle of it: what it took says nothing of the step, and is not among its times.
	StepResumed = "resumed"
)

// Step is one try on one node: of a micro-step, or, with Micro "", of an instance of a macro-step as a whole.
type Step struct {
	Operation, Node, Cluster string
	Macro, Instance, Micro   string
	Try                      int       // from 1
	At                       time.Time // its start; a part of what tells two steps apart
	Took                     time.Duration
	Outcome                  string // StepOK, StepResumed, StepFailed or StepCut
	Kind, Cause              string // of a failure; "" otherwise
}

// Phases of results that are counted. Others are kept and not counted.
const (
	PhaseOK = "ok"
	PhaseKO = "ko"
)

// Result is the end of one node in one operation. The first one written stays.
type Result struct {
	Operation, Node, Cluster string
	Phase                    string // PhaseOK, PhaseKO, cut, cancelled
	State                    string // where it stopped: "SetDeploymentEnv/Untrusted/wait_reboot"
	Cause                    string
	Tries                    int // 1 when nothing had to be tried again
	At                       time.Time
}

// NodeState is what runs on a node, or what is being done to it. The last one written stays.
type NodeState struct {
	Node, State, Operation, User string
	Environment                  string    // NAME:VERSION of what runs there, "" when unknown
	Image                        string    // sha256 of its image, hexadecimal, "" when unknown
	Confirmed                    bool      // by what runs there
	Since                        time.Time // when it came into this state
}

// NodeDisks is what disks a node has. The newest one written stays.
type NodeDisks struct {
	Node  string
	Seen  time.Time
	Disks []byte // as the caller encodes them, up to 16 MiB
}

// End ends an operation. The first one written stays.
type End struct {
	Operation, Outcome, Text string
	OK, KO                   int
	Until                    time.Time
	Answer                   []byte // when not nil, in the place of the operation's
}

// Resume tells that an operation was taken up again for the Times-th time: Operation.Resumed as it was read, and 1 more.
// (A number and not "once more", so that a batch written twice counts once.)
type Resume struct {
	Operation string
	Times     int
}

// Batch is what is written at once, in the order of its fields. An operation begins in the same batch as its first facts or in
// one before.
type Batch struct {
	Begin   []Operation
	Resumed []Resume
	Events  []Event
	Steps   []Step
	Results []Result
	Nodes   []NodeState
	Disks   []NodeDisks
	Ends    []End
}
