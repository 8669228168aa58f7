package chain

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

func testRing(t *testing.T, chunks, slots int64) *ring {
	t.Helper()
	m, err := BuildManifest(bytes.NewReader(bytes.Repeat([]byte{7}, int(chunks)<<10)), 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	return newRing(indexOf(m), slots<<10)
}

// Whoever still reads into a reservation of a former epoch must not touch what the present one receives.
func TestReservationsOfTwoEpochsShareNoMemory(t *testing.T) {
	for name, renew := range map[string]func(*ring){"another feed": func(r *ring) { r.renew() }, "a corrupt chunk": func(r *ring) { r.reject(0) }} {
		t.Run(name, func(t *testing.T) {
			r := testRing(t, 8, 4)
			epoch, _ := r.renew()
			copy(r.reserve(t.Context(), epoch, 100), bytes.Repeat([]byte{7}, 100))
			r.commit(epoch, 100)
			old := r.reserve(t.Context(), epoch, 50)
			renew(r)
			epoch, end, _, _ := r.wanted()
			fresh := r.reserve(t.Context(), epoch, 50)
			for i := range old {
				old[i] = 9
			}
			if bytes.Contains(fresh, []byte{9}) {
				t.Error("the late receiver wrote into the new reservation")
			}
			r.commit(epoch-1, 50)
			if _, now, _, _ := r.wanted(); now != end {
				t.Errorf("a commit of a former epoch moved the end from %d to %d", end, now)
			}
			if r.serve(0); end > 0 {
				if _, p, _ := r.peek(); !bytes.Equal(p, bytes.Repeat([]byte{7}, 100)) {
					t.Errorf("what was committed before is lost: %x", p)
				}
			}
		})
	}
}

func TestReserveLetsGoOfAFormerEpoch(t *testing.T) {
	r := testRing(t, 8, 3)
	epoch, _ := r.renew()
	for range 3 {
		r.reserve(t.Context(), epoch, 1<<10)
		r.commit(epoch, 1<<10)
	}
	let := make(chan []byte)
	go func() { let <- r.reserve(t.Context(), epoch, 1) }() // full: it waits
	r.renew()
	select {
	case p := <-let:
		if p != nil {
			t.Error("room was given to a former epoch")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the receiver of a former epoch still waits")
	}
}

func TestRingMemoryIsBounded(t *testing.T) {
	r := testRing(t, 100, 5)
	r.detach()
	r.dropSink()
	epoch, _ := r.renew()
	for range 100 {
		copy(r.reserve(t.Context(), epoch, 1<<10), bytes.Repeat([]byte{7}, 1<<10))
		r.commit(epoch, 1<<10)
		r.mu.Lock()
		total := 0
		for _, s := range slices.Concat(r.slots, r.spare) {
			total += cap(s)
		}
		r.mu.Unlock()
		if total > 5<<10 {
			t.Fatalf("%d bytes are held", total)
		}
	}
	if !r.complete() {
		t.Fatal("it did not take the whole image")
	}
}

// Who came between is not blamed for what the one before has sent.
func TestAChunkOfTwoFeedsIsNobodysFault(t *testing.T) {
	r := testRing(t, 8, 4)
	send := func(b byte, n int) (epoch uint64) {
		epoch, _, _, _ = r.wanted()
		copy(r.reserve(t.Context(), epoch, n), bytes.Repeat([]byte{b}, n))
		r.commit(epoch, n)
		epoch, _, _, _ = r.wanted()
		return epoch
	}
	counted := func(epoch uint64, times int, by party) {
		t.Helper()
		if _, got, _ := r.blame(epoch, 0, false, partyOf(1)); got != times || r.position().by != by {
			t.Errorf("counted %d times, by %d at last; want %d, %d", got, r.position().by, times, by)
		}
	}
	r.renew()
	send(9, 512)
	r.renew()
	counted(send(7, 512), 0, itself)
	counted(send(9, 1<<10), 1, partyOf(1))
	if epoch := send(7, 1<<10); epoch == 0 || r.position().received != 1<<10 {
		t.Error("the right chunk was not taken")
	}
}

// A ring as large as it may become is for those who lag; while nobody does, the same little memory is used again and again.
func TestMemoryIsUsedAgainWhileNobodyLags(t *testing.T) {
	r := testRing(t, 400, 100)
	epoch, _ := r.renew()
	seen := make(map[*byte]bool)
	for range 400 {
		copy(r.reserve(t.Context(), epoch, 1<<10), bytes.Repeat([]byte{7}, 1<<10))
		r.commit(epoch, 1<<10)
		_, p, _ := r.peek()
		if !bytes.Equal(p, bytes.Repeat([]byte{7}, 1<<10)) {
			t.Fatal("the follower was given something else than what came")
		}
		seen[&p[0]] = true
		r.sent(len(p))
		p, _ = r.unsunk()
		r.sank(len(p))
	}
	if got := int(r.w.keep) + 2; len(seen) > got {
		t.Errorf("%d chunks of memory were used where %d do", len(seen), got)
	}
}

// A follower may know more of a stream than who is about to feed it: it had a feeder nearer to the head meanwhile. Nothing can be
// sent to it before that is made up for, and that needs room.
func TestAFollowerThatKnowsMoreHoldsNothing(t *testing.T) {
	whole := testRing(t, 8, 4).index
	x := newIndex(1 << 10)
	if err := x.add(0, whole.after(0, 5)); err != nil {
		t.Fatal(err)
	}
	r := newRing(x, 4<<10)
	epoch, _ := r.renew()
	r.dropSink()
	for range 4 {
		copy(r.reserve(t.Context(), epoch, 1<<10), bytes.Repeat([]byte{7}, 1<<10))
		r.commit(epoch, 1<<10)
		r.w.verified += 1 << 10
	}
	if full, _ := r.blocked(); !full {
		t.Fatal("a ring that nobody has read from has room")
	}
	known, prefix := whole.prefix()
	follower := &talk{f: &feeder{feederConfig: feederConfig{index: x, source: r}}, due: &due{want: want{serial: 1, known: known, prefix: prefix}, offset: 8 << 10}}
	if err := follower.answer(); err != nil || follower.due == nil {
		t.Fatalf("answered: %v", err)
	}
	if full, _ := r.blocked(); full {
		t.Error("the ring waits for a follower that waits for the ring")
	}
}
