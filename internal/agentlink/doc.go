// Package agentlink is the server's end of the line to the node agents: it listens, gives each boot of a node one certificate for its
// one-time token, and gives the caller a Session, on which orders are done one at a time.
//
// # Who may speak
//
// The boot profile of a node carries a token and the pin of the server's authority, and no other secret. All else is TLS 1.3.
//
//  1. The agent makes a key, which stays in its memory, and calls Enrol with the token and a request for a certificate. It shows no
//     certificate; the server must show one of the pinned authority. The node that the certificate names is the one that the token was
//     made for, whatever the request says. The token is dead from then on; unused, it dies at the deadline of the boot.
//  2. The agent calls again with the certificate and opens the stream. The node is the one of the certificate. It is let in when that
//     node is expected (Boots.Expect) and this very certificate is the one that the expected boot was given. There is one stream for a
//     boot at a time. Certificates of earlier boots, of other nodes and of users open nothing.
//  3. When the connection breaks (ErrAway), the agent calls again with the same certificate, for as long as the Welcome said. It is let in
//     once the stream before is over at this end, too, by this server or by one that has been told of the boot (Boots.Restore). It tells
//     which order it has kept meanwhile (Session.Kept); given that again, it answers what became of it. A stream
//     that the server ends has the status Aborted: that agent is not wanted, and ends.
//
// A certificate is looked at when a connection is made: one that is foreign, has expired or is denied opens nothing, and the call says
// why. A session that has begun lasts until its boot is over, however long an image takes.
//
// Whoever reads the boot profile before its node does can take the node's place for that boot: the token says which boot calls, and
// keeps strangers out as far as the boot network does. The node is refused then, and that is in the log.
//
// # What it promises
//
// No agent, however it misbehaves, costs more than its own session: messages are bounded and checked, a peer that goes silent is found
// within 13 s, a call returns when its context ends, and a panic in what serves one stream ends that stream. Connections that have not
// proved that they are of a node that is expected are bounded in number, where the oldest gives way, and in time.
//
// What to order and what an answer means is the caller's business. Read boots.go first, then accept.go.
package agentlink
