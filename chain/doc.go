// Package chain broadcasts an image to many machines along a chain of themselves: every byte leaves the head once and crosses every
// link once, so the time is that of one copy plus a little per link.
//
// Send is the head, Receive a link. The package promises:
//   - a link is reported OK only when its sink took every byte, each verified against the manifest before, and accepted the end;
//   - a link that dies, hangs or cannot be reached is skipped, and costs the others a pause of about the stall timeout; what the
//     links after it miss comes from the ring of the link before it, or from the head as a range;
//   - a link whose sink fails goes on feeding those after it;
//   - a chunk that a hop spoils is sent again over that hop, three times at most, and counted against it;
//   - nothing waits forever: every silence has a limit, and memory is bounded by the ring;
//   - a peer without the key of the transfer learns nothing.
//
// It leaves to its caller: who the links are and in which order, the key's way to them, opening the listeners before Send begins, and
// what the bytes mean. The key authenticates all links as one party: a link is trusted not to lie about itself. The image is not
// encrypted; it cannot be changed on its way without notice, and neither can reports.
//
// The wire format is docs/chain-protocol.md. Decisions are pure and stand apart: window.go (what a ring holds), table.go (whose report
// counts, who feeds whom). Read send.go and feeder.go first, then link.go.
package chain
