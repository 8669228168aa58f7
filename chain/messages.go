package chain

import (
	"encoding/binary"
	"fmt"
)

// Bounds of what a message may hold.
const (
	maxLinks = 16 << 10
	maxName  = 255
	maxCause = 500
)

// headIndex stands for the head where links are counted from 0.
const headIndex = -1

// plan tells a link its place: who feeds it, where the head answers for ranges, and who comes after it.
type plan struct {
	feeder int // index of the sender of this plan, headIndex for the head
	index  int // of the receiver of this plan
	head   string
	links  []Link
}

func (p plan) name(i int) string {
	if i == headIndex {
		return "the head"
	}
	return p.links[i].Name
}

func (p plan) encode() []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(p.feeder+1))
	b = binary.BigEndian.AppendUint32(b, uint32(p.index))
	b = appendText(b, p.head)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.links)))
	for _, l := range p.links {
		b = appendText(appendText(b, l.Name), l.Addr)
	}
	return b
}

func decodePlan(b []byte) (plan, error) {
	r := fields{b: b}
	p := plan{feeder: int(r.u32()) - 1, index: int(r.u32()), head: r.text(maxName)}
	n := int(r.u32())
	if n > maxLinks || p.index >= n || p.feeder >= p.index {
		r.bad = true
	}
	for i := 0; i < n && !r.bad; i++ {
		p.links = append(p.links, Link{Name: r.text(maxName), Addr: r.text(maxName)})
	}
	return p, r.done("plan")
}

// want asks for the image from an offset on. serial comes back in the start that answers.
type want struct {
	serial uint64
	until  int64 // of a range; 0 in a feed
	reason reason
}

type reason uint8

const (
	wantResume  reason = 0
	wantCorrupt reason = 1 // the chunk at the offset did not match the manifest
)

func (w want) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, w.serial)
	b = binary.BigEndian.AppendUint64(b, uint64(w.until))
	return append(b, byte(w.reason))
}

func decodeWant(b []byte) (want, error) {
	r := fields{b: b}
	w := want{serial: r.u64(), until: int64(r.u64()), reason: reason(r.u8())}
	if w.until < 0 || w.reason > wantCorrupt {
		r.bad = true
	}
	return w, r.done("want")
}

// start says that the next DATA frame is at the offset of the header and that all others follow on.
type start struct {
	serial    uint64
	inherited bool // the chunk was corrupt at the sender too: not this hop's fault
}

func (s start) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, s.serial)
	if s.inherited {
		return append(b, 1)
	}
	return append(b, 0)
}

func decodeStart(b []byte) (start, error) {
	r := fields{b: b}
	s := start{serial: r.u64()}
	flag := r.u8()
	s.inherited, r.bad = flag == 1, r.bad || flag > 1
	return s, r.done("start")
}

// refusal is the last word of a link to a predecessor.
type refusal struct {
	final bool // the link is lost to the chain; otherwise another feeder took it over
	cause string
}

func (f refusal) encode() []byte {
	b := []byte{0}
	if f.final {
		b[0] = 1
	}
	return appendText(b, clip(f.cause))
}

func decodeRefusal(b []byte) (refusal, error) {
	r := fields{b: b}
	flag := r.u8()
	f := refusal{final: flag == 1, cause: r.text(maxCause)}
	r.bad = r.bad || flag > 1
	return f, r.done("refusal")
}

func decodeAbort(b []byte) (string, error) {
	r := fields{b: b}
	cause := r.text(maxCause)
	return cause, r.done("abort")
}

// numbered is an entry of the table on its way up.
type numbered struct {
	index int
	entry entry
}

func encodeStatus(all []numbered) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(all)))
	for _, n := range all {
		b = binary.BigEndian.AppendUint32(b, uint32(n.index))
		b = append(b, byte(n.entry.state))
		b = binary.BigEndian.AppendUint64(b, uint64(n.entry.received))
		b = binary.BigEndian.AppendUint64(b, uint64(n.entry.written))
		b = binary.BigEndian.AppendUint32(b, n.entry.corrupt)
		b = appendText(b, clip(n.entry.cause))
	}
	return b
}

func decodeStatus(b []byte) ([]numbered, error) {
	r := fields{b: b}
	n := int(r.u32())
	if n > maxLinks {
		r.bad = true
	}
	var all []numbered
	for i := 0; i < n && !r.bad; i++ {
		one := numbered{index: int(r.u32())}
		one.entry = entry{state: State(r.u8()), received: int64(r.u64()), written: int64(r.u64()), corrupt: r.u32(), cause: r.text(maxCause)}
		if one.index >= maxLinks || one.entry.state > Done || one.entry.received < 0 || one.entry.written < 0 {
			r.bad = true
		}
		all = append(all, one)
	}
	if err := r.done("status"); err != nil {
		return nil, err
	}
	return all, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// clip keeps a cause within what its decoder takes, and on one line.
func clip(s string) string {
	line := []byte(s[:min(len(s), maxCause)])
	for i, c := range line {
		if c < ' ' || c == 0x7f {
			line[i] = ' '
		}
	}
	return string(line)
}

// fields takes a message apart; after the first field that does not fit everything is zero and done reports it.
type fields struct {
	b   []byte
	bad bool
}

func (r *fields) take(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad = true
		return make([]byte, min(n, 8))
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *fields) u8() uint8   { return r.take(1)[0] }
func (r *fields) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *fields) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *fields) u64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

func (r *fields) text(limit int) string {
	n := int(r.u16())
	if n > limit || n > len(r.b) {
		r.bad = true
	}
	if r.bad {
		return ""
	}
	return string(r.take(n))
}

func (r *fields) done(what string) error {
	if r.bad || len(r.b) != 0 {
		return fmt.Errorf("malformed %s message", what)
	}
	return nil
}
