// Package workflow decides how a request walks its nodes through the macro-steps of a deployment. It is pure: events and
// the time come in, actions go out; it opens nothing, starts nothing and imports nothing of the project.
//
// It has two halves. [ParseMacrostep] and [NewPlan] turn what the site configured and what the user asked into the [Plan] of
// one node: macro-steps, their instances in the order they are tried, and the micro-steps left by the bypass rules of
// Kadeploy3. [Deployment] then moves every node of a request through its plan: [Deployment.Handle] takes one [Event] and
// answers with the [Action] values that the caller carries out, in their order.
//
// It promises that
//   - an event of one node moves that node only; others are touched by the end of the deployment and by a broadcast's start;
//   - every node is settled exactly once, End comes once, after all nodes are settled, and nothing is answered after it;
//   - a settled node is never told to run or to start again;
//   - the same events at the same times give the same actions, so a transcript replayed is the same deployment;
//   - no sequence of events keeps a node going for ever, and events that cannot happen are ignored.
//
// It leaves to its caller all clocks: each attempt's time limit, the delay before a node starts again, the wake-up at a
// given time. A caller that never reports the end of an attempt has a deployment that never ends.
//
// A Deployment is not safe for concurrent use: it belongs to one goroutine.
//
// Read first: plan.go for the words, deployment.go for the flow, node.go for the retries, barrier.go for the broadcast.
package workflow
