// Package supervisor is the OTP layer on protoactor-go: child specifications, restart strategies, ordered start and
// shutdown, and the few helpers that every actor needs. It knows nothing of what the actors do.
//
// It promises, for trees built with it alone:
//
//   - A child that failed or was told to stop never acts again. A restart is always a new process under the old
//     name: the failed one is stopped, its end is awaited, then the next incarnation is spawned. The library's own
//     Restart, which keeps the mailbox and may revive a stopped actor, is never used.
//   - A supervisor starts its children one after the other, each after its elder said that it is up, and stops them
//     in the reverse order, each within its deadline. A child that does not stop in time is abandoned, reported, and
//     never replaced: Go cannot end a goroutine from outside, and a second owner of its port would be worse.
//   - A supervisor whose children fail too often stops them all and fails itself, upward, with a typed error. The top
//     of the tree tells its owner, who ends the program.
//   - A panic while an actor is stopping never keeps it alive nor leaves its parent waiting.
//   - Nothing of what an actor received is ever logged.
//
// It asks of the actors: Receive never blocks (work runs in Tasks), constructors are pure (side effects start with
// Started), and a failure is a panic; one that is part of the plan implements Expected, any other is a bug.
//
// Two kinds of parents: a Supervisor runs services that ought to live (Permanent, Transient, Temporary; OneForOne,
// OneForAll, RestForOne); a Crew, inside an actor that owns it, runs workers whose restarts and ends a pure Policy of
// the owner decides.
//
// Read supervisor.go first, then crew.go.
package supervisor
