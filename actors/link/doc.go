// Package link opens the remote side of an actor system to peers that prove who they are, with a guard before it.
//
// The library's own defaults lose large bursts, grow without bound towards a stopped peer and never notice a hung one; every
// option in link.go answers one of these. It also trusts whatever connects: one malformed message ends the process, one
// "stop" ends any actor. So a link promises that the library sees
//   - connections of TLS 1.3 whose peer has shown a certificate (package pki) of the kind that the Policy names, and no other;
//   - one handshake per stream, from an address that belongs to that very identity;
//   - batches whose every index is in range, whose senders are all at the address of the handshake;
//   - messages of the types that the Policy allows to the actors that it allows them to, complete and decodable;
//   - the headers x-peer and x-identity on each of them, and no other.
//
// Who breaks a rule loses the stream (PermissionDenied), is counted and logged without what was sent. A connection ends with its
// certificate, and when its identity is expelled. Connections, streams, messages and bytes are bounded for each identity; strangers
// are bounded in all, and the one that has been there for longest makes room.
//
// Addresses are names (address.go). The daemon dials nobody: a client parks connections at it (park.go), over which the daemon speaks
// to the client's own system with a handshake of its own. So a client needs one port to reach and none to be reached at.
//
// On one port there are three protocols, told apart by ALPN (connections.go): the library's gRPC, parked connections, and HTTP/1.1
// for what is no message.
//
// One link per process: the library keeps process-wide state.
package link
