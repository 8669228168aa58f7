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
	feeder int    // index of the sender of this plan, headIndex for the head
	index  int    // of the receiver of this plan
	late   bool   // the receiver is no link of the chain any more: it is to call the head
	round  uint64 // of the head: one that was started later has a larger one
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
	b = append(b, bit(p.late))
	b = binary.BigEndian.AppendUint64(b, p.round)
	b = appendText(b, p.head)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.links)))
	for _, l := range p.links {
		b = appendText(appendText(b, l.Name), l.Addr)
	}
	return b
}

func decodePlan(b []byte) (plan, error) {
	r := fields{b: b}
	p := plan{feeder: int(r.u32()) - 1, index: int(r.u32()), late: r.flag(), round: r.u64(), head: r.text(maxName)}
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
	known  int    // how many digests the asker has already
	prefix Digest // and the digest of these: the answer must be of the same image
}

type reason uint8

const (
	wantResume  reason = 0
	wantCorrupt reason = 1 // the chunk at the offset did not match the manifest
)

func (w want) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, w.serial)
	b = binary.BigEndian.AppendUint64(b, uint64(w.until))
	b = append(b, byte(w.reason))
	b = binary.BigEndian.AppendUint32(b, uint32(w.known))
	return append(b, w.prefix[:]...)
}

func decodeWant(b []byte) (want, error) {
	r := fields{b: b}
	w := want{serial: r.u64(), until: int64(r.u64()), reason: reason(r.u8()), known: int(r.u32())}
	copy(w.prefix[:], r.take(len(w.prefix)))
	if w.until < 0 || w.reason > wantCorrupt || w.known > maxChunks {
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
	return append(binary.BigEndian.AppendUint64(nil, s.serial), bit(s.inherited))
}

func decodeStart(b []byte) (start, error) {
	r := fields{b: b}
	s := start{serial: r.u64(), inherited: r.flag()}
	return s, r.done("start")
}

// refusal is the last word of a link to a predecessor.
type refusal struct {
	how   parting
	cause string
}

// parting is what becomes of a link that refuses.
type parting uint8

const (
	fedByAnother parting = 0 // it stays in the chain
	failed       parting = 1 // it is lost for good
	leaves       parting = 2 // it will be fed by the head
)

func (f refusal) encode() []byte {
	return appendText([]byte{byte(f.how)}, clip(f.cause))
}

func decodeRefusal(b []byte) (refusal, error) {
	r := fields{b: b}
	f := refusal{how: parting(r.u8()), cause: r.cause()}
	r.bad = r.bad || f.how > leaves
	return f, r.done("refusal")
}

// abort tells those below that no more bytes will come.
type abort struct {
	over  bool // the head has ended the broadcast: calling it is of no use
	cause string
}

func (a abort) encode() []byte { return appendText([]byte{bit(a.over)}, clip(a.cause)) }

func decodeAbort(b []byte) (abort, error) {
	r := fields{b: b}
	a := abort{over: r.flag(), cause: r.cause()}
	return a, r.done("abort")
}

func decodeSkip(b []byte) (cause string, err error) {
	r := fields{b: b}
	cause = r.cause()
	return cause, r.done("skip")
}

func encodeDigests(all []Digest) []byte {
	b := make([]byte, 0, len(all)*len(Digest{}))
	for _, d := range all {
		b = append(b, d[:]...)
	}
	return b
}

func decodeDigests(b []byte) ([]Digest, error) {
	all := make([]Digest, len(b)/len(Digest{}))
	if len(b) == 0 || len(b)%len(Digest{}) != 0 {
		return nil, fmt.Errorf("malformed digests message")
	}
	for i := range all {
		copy(all[i][:], b[i*len(Digest{}):])
	}
	return all, nil
}

// join is what a link says that calls the head: it has left the chain, or would like to.
type join struct {
	why   why
	name  string
	cause string
}

// why a link calls the head.
type why uint8

const (
	whyOrphan   why = 0 // nobody feeds it, though the chain may be about to
	whySkipped  why = 1 // its predecessor told it that it is out
	whySlowDisk why = 2 // it paces the chain by its sink
	whySlowLink why = 3 // or by its connection to those after it
	whySpoiled  why = 4 // or the way to it spoils what it carries
	whyWriting  why = 5 // or it has everything, and others would wait for its sink
)

func (j join) encode() []byte {
	return appendText(appendText([]byte{byte(j.why)}, j.name), clip(j.cause))
}

func decodeJoin(b []byte) (join, error) {
	r := fields{b: b}
	j := join{why: why(r.u8()), name: r.text(maxName), cause: r.cause()}
	r.bad = r.bad || j.why > whyWriting
	return j, r.done("join")
}

// admit is the head's answer: come is true for a late joiner, false for a link that belongs to the chain as yet.
type admit struct{ come bool }

func (a admit) encode() []byte { return []byte{bit(a.come)} }

func decodeAdmit(b []byte) (admit, error) {
	r := fields{b: b}
	a := admit{come: r.flag()}
	return a, r.done("admit")
}

// numbered is an entry of the table on its way up.
type numbered struct {
	index int
	entry entry
}

// status is a link's account of itself and of all after it.
type status struct {
	full bool // it has no room: it is not its predecessor's hop that is slow
	news []numbered
}

func (s status) encode() []byte {
	b := binary.BigEndian.AppendUint32([]byte{bit(s.full)}, uint32(len(s.news)))
	for _, n := range s.news {
		b = binary.BigEndian.AppendUint32(b, uint32(n.index))
		b = append(b, byte(n.entry.state))
		b = binary.BigEndian.AppendUint32(b, uint32(n.entry.by))
		b = binary.BigEndian.AppendUint64(b, uint64(n.entry.received))
		b = binary.BigEndian.AppendUint64(b, uint64(n.entry.written))
		b = binary.BigEndian.AppendUint32(b, n.entry.corrupt)
		b = appendText(b, clip(n.entry.cause))
	}
	return b
}

func decodeStatus(b []byte) (status, error) {
	r := fields{b: b}
	s := status{full: r.flag()}
	n := int(r.u32())
	if n > maxLinks {
		r.bad = true
	}
	for i := 0; i < n && !r.bad; i++ {
		one := numbered{index: int(r.u32())}
		one.entry = entry{state: State(r.u8()), by: party(r.u32()), received: int64(r.u64()), written: int64(r.u64()), corrupt: r.u32(), cause: r.cause()}
		if one.index >= maxLinks || one.entry.state > Done || one.entry.by > maxLinks+1 || one.entry.received < 0 || one.entry.written < 0 {
			r.bad = true
		}
		s.news = append(s.news, one)
	}
	if err := r.done("status"); err != nil {
		return status{}, err
	}
	return s, nil
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
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
		return make([]byte, min(n, len(Digest{})))
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *fields) u8() uint8 { return r.take(1)[0] }
func (r *fields) flag() bool {
	b := r.u8()
	r.bad = r.bad || b > 1
	return b == 1
}
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

// cause is a text for people: one line, whoever sent it.
func (r *fields) cause() string { return clip(r.text(maxCause)) }

func (r *fields) done(what string) error {
	if r.bad || len(r.b) != 0 {
		return fmt.Errorf("malformed %s message", what)
	}
	return nil
}
