// Package chain broadcasts an image to many machines along a chain of themselves: every byte leaves the head once and crosses every
// link once, so the time is that of one copy plus a little per link.
//
// Send is the head, Receive a link. The package promises:
//   - a link is reported OK only when its sink took every byte, each verified against its digest before, and accepted the end;
//   - a link that dies, hangs or cannot be reached is skipped, and costs the others a pause of about the stall timeout; what the
//     links after it miss comes from the ring of the link before it, or from the head as a range;
//   - a link that is much slower than the others, by its disk or by its connection, leaves the chain; one whose connection spoils what it
//     carries does as well;
//   - whoever has left the chain and lives, comes late, or was started again is fed by the head, once that costs the chain nothing;
//   - a link whose sink fails goes on feeding those after it;
//   - a head that is started again with the same key and image takes its chain over where it was, and never mixes two images;
//   - an image may be a stream: its size and digests need not be known beforehand;
//   - nothing waits for ever: every silence has a limit, and memory is bounded by the ring;
//   - a peer without the key of the transfer learns nothing, and with TLS nobody on the way reads anything.
//
// Late joiners, ranges and links that leave need a head that listens (SendConfig.Listen); without one, links that are slow stay.
//
// It leaves to its caller: who the links are and in which order, the key's way to them, and what the bytes mean. The key authenticates
// all links as one party: a link is trusted not to lie about itself. Without TLS the image can be read on its way; it cannot be changed
// without notice, and neither can reports.
//
// The wire format is docs/chain-protocol.md. Decisions are pure and stand apart: succession.go (whom a feeder turns to), nearest in
// hunt.go (who of those called is fed), place.go (what a link does with a feeder, and without one), call.go (when it calls the head),
// table.go (whose report counts), roster.go (who is admitted, called and waited for), window.go (what a ring holds), lag.go (who is slow).
// testdata has transcripts of each, and of whole broadcasts that they play together. Read send.go, head.go and feeder.go first, then
// link.go and round.go.
package chain
