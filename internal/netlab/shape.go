package netlab

import "strconv"

// A full segment has 1448 bytes of payload and 1514 on the wire: Ethernet 14, IP 20, TCP with timestamps 32.
const segment, frame = 1448, 1514

// shape is the queueing discipline, in tc's words, of one end of a link that carries rate bits per second of TCP payload.
//
// The bucket holds 5 ms of the rate. From about 100 Mbit/s on, a whole offloaded packet of 64 KiB fits into it and is
// not cut up into frames, which costs much time of the processor; it also bridges the moments when the timer is late.
// The queue holds four buckets, 20 ms, as a small switch does: enough for TCP to fill the link, and it cannot hide
// from anyone for long that a link is slow. Slow links get what a few frames need.
func shape(rate int64) []string {
	if rate == 0 {
		return []string{"noqueue"}
	}
	bucket := min(max(rate/8/200, 16<<10), 512<<10)
	queue := max(4*bucket, 128<<10)
	return []string{"tbf",
		"rate", strconv.FormatInt(rate/segment*frame+rate%segment*frame/segment, 10) + "bit",
		"burst", strconv.FormatInt(bucket, 10),
		"limit", strconv.FormatInt(queue, 10),
	}
}
