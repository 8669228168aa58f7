// Package link opens the remote side of an actor system on loopback, with a guard before it.
//
// The library's own defaults lose large bursts, grow without bound towards a stopped peer and never notice a hung one; every
// option in link.go answers one of these. It also trusts whatever connects: one malformed message ends the process, one
// "stop" ends any actor. The guard reads each message first. It promises that the library sees
//   - one handshake per stream, with the address of another process on this machine,
//   - batches whose every index is in range, whose senders are all at the address of the handshake,
//   - messages of the types that the Policy allows to the actors that it allows them to, complete and decodable, and
//   - the header x-peer on each of them, and no other;
//
// and no call, message or connection beyond. Who breaks a rule loses the stream (PermissionDenied), is counted and logged.
//
// It leaves to others: who the peer is. The address that it claims is not proved, because this version has no
// authentication: any process of this machine may send what the policy allows.
//
// One link per process: the library keeps process-wide state.
package link
