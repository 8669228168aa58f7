package console

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/time/rate"
)

// Config bounds a hub. Its zero value is what a server needs.
type Config struct {
	Members int // users at consoles, all together; default 256
	PerUser int // default 32
	Buffer  int // bytes that wait for one of them; default 64 KiB
	Rate    int // bytes a second of one source; default 1 MiB: a serial line has some 10 KiB
	Log     *slog.Logger
}

// Hub has the consoles that are open. It is safe for concurrent use.
type Hub struct {
	cfg Config

	mu       sync.Mutex
	consoles map[string]*console
	members  int
	by       map[string]int // users
	closed   bool
	busy     sync.WaitGroup // sources and members
}

// kept is how many bytes of the past who joins is shown.
const kept = 4 << 10

// console is one that is open.
type console struct {
	node    string
	source  Source
	ctx     context.Context
	cancel  context.CancelFunc
	input   chan []byte
	done    chan struct{} // nothing of it is left
	ending  bool          // nobody joins any more
	members []*Member
	writer  *Member
	tail    []byte
	limit   *rate.Limiter
}

// NewHub makes a hub without consoles.
func NewHub(cfg Config) *Hub {
	cfg.Members, cfg.PerUser = cmp.Or(cfg.Members, 256), cmp.Or(cfg.PerUser, 32)
	cfg.Buffer, cfg.Rate = cmp.Or(cfg.Buffer, 64<<10), cmp.Or(cfg.Rate, 1<<20)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	return &Hub{cfg: cfg, consoles: make(map[string]*console), by: make(map[string]int)}
}

// Join makes a user a member of a node's console until ctx ends, and opens it when he is the first one. It does not wait for
// the source. The error is a *RefusedError.
func (h *Hub) Join(ctx context.Context, r Request, source Source) (*Member, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.consoles[r.Node]
	if c != nil && !c.ending {
		source = c.source
	}
	switch {
	case h.closed:
		return nil, &RefusedError{http.StatusServiceUnavailable, stopping}
	case h.members >= h.cfg.Members:
		return nil, &RefusedError{http.StatusServiceUnavailable, fmt.Sprintf("%d consoles are open: leave one, or try again later", h.members)}
	case h.by[r.User] >= h.cfg.PerUser:
		return nil, &RefusedError{http.StatusServiceUnavailable, fmt.Sprintf("%s has %d consoles open: leave one", r.User, h.by[r.User])}
	case r.Want == Insist && source.ReadOnly:
		return nil, &RefusedError{http.StatusConflict, fmt.Sprintf("the console of %s can only be read", r.Node)}
	case r.Want == Insist && c != nil && !c.ending && c.writer != nil:
		return nil, &RefusedError{http.StatusConflict, fmt.Sprintf("%s writes on the console of %s; it can be read meanwhile", c.writer.user, r.Node)}
	}
	if c == nil || c.ending {
		c = h.open(r.Node, source, c)
	}
	m := newMember(h, c, r.User)
	c.members = append(c.members, m)
	h.members++
	h.by[r.User]++
	h.busy.Add(1)
	context.AfterFunc(ctx, func() { h.leave(m) })
	m.data(c.tail)
	if r.Want == Read {
		m.notice(c.whoWrites())
	} else {
		h.claim(m)
	}
	return m, nil
}

// stopping is why members of a closed hub are ended.
const stopping = "the server is stopping"

// open starts a source, when the one before it has let go of the node.
func (h *Hub) open(node string, source Source, before *console) *console {
	c := &console{node: node, source: source, input: make(chan []byte), done: make(chan struct{}), limit: rate.NewLimiter(rate.Limit(h.cfg.Rate), max(kept, h.cfg.Rate))}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	h.consoles[node] = c
	h.busy.Go(func() {
		if before != nil {
			<-before.done
		}
		var err error
		if c.ctx.Err() == nil {
			err = c.run(h)
		}
		h.over(c, err)
	})
	return c
}

func (c *console) run(h *Hub) (err error) {
	defer func() {
		if p := recover(); p != nil { // what a controller sends must not end the server
			err = fmt.Errorf("bug: %v", p)
		}
	}()
	h.cfg.Log.Info("console opened", "node", c.node)
	defer h.cfg.Log.Info("console closed", "node", c.node)
	return c.source.Run(c.ctx, &input{console: c}, output{h, c})
}

// over ends a console whose source has ended.
func (h *Hub) over(c *console, err error) {
	text := fmt.Sprintf("the console of %s has ended", c.node)
	if err != nil {
		text += ": " + err.Error()
		h.cfg.Log.Warn("console failed", "node", c.node, "error", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c.cancel()
	c.ending = true
	for _, m := range c.members {
		m.end(text)
	}
	if h.consoles[c.node] == c {
		delete(h.consoles, c.node)
	}
	close(c.done)
}

// leave forgets a member. The console ends with its last one.
func (h *Hub) leave(m *Member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m.end("")
	c := m.console
	c.members = slices.DeleteFunc(c.members, func(other *Member) bool { return other == m })
	h.members--
	if h.by[m.user]--; h.by[m.user] == 0 {
		delete(h.by, m.user)
	}
	h.yield(m)
	if len(c.members) == 0 {
		c.ending = true
		c.cancel()
	}
	h.busy.Done()
}

// yield takes the writing from a member who has it.
func (h *Hub) yield(m *Member) {
	c := m.console
	if c.writer != m {
		return
	}
	c.writer = nil
	for _, other := range c.members {
		other.notice(fmt.Sprintf("%s has left; %s", m.user, c.whoWrites()))
	}
}

// claim gives a member the writing, if nobody has it, and tells everybody.
func (h *Hub) claim(m *Member) {
	c := m.console
	if c.source.ReadOnly || c.writer != nil || m.ctx.Err() != nil {
		m.notice(c.whoWrites())
		return
	}
	c.writer = m
	for _, other := range c.members {
		if other != m {
			other.notice(c.whoWrites())
		}
		other.warned = false
	}
	m.notice("you write")
}

func (c *console) whoWrites() string {
	switch {
	case c.source.ReadOnly:
		return "this console can only be read"
	case c.writer == nil:
		return "nobody writes"
	}
	return c.writer.user + " writes, you read"
}

// End ends the memberships for which lost has a reason, at once. lost is called with the hub locked.
func (h *Hub) End(lost func(user, node string) (why string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.consoles {
		for _, m := range slices.Clone(c.members) {
			if why := lost(m.user, c.node); why != "" {
				m.end(why)
				h.yield(m)
			}
		}
	}
}

// Close ends all consoles and returns when nothing of them is left. Nobody joins afterwards. It may be called twice.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	for _, c := range h.consoles {
		for _, m := range c.members {
			m.end(stopping)
		}
		c.ending = true
		c.cancel()
	}
	h.mu.Unlock()
	h.busy.Wait()
}

// output is what a source writes to.
type output struct {
	hub     *Hub
	console *console
}

func (o output) Write(p []byte) (int, error) {
	for part := range slices.Chunk(p, kept) {
		if o.console.limit.WaitN(o.console.ctx, len(part)) != nil {
			return len(p), nil // nobody is left to see it
		}
		o.hub.mu.Lock()
		o.console.tail = append(o.console.tail, part...)
		o.console.tail = o.console.tail[max(0, len(o.console.tail)-kept):]
		for _, m := range o.console.members {
			m.data(part)
		}
		o.hub.mu.Unlock()
	}
	return len(p), nil
}

// input is what a source reads from: what the writer typed.
type input struct {
	console *console
	rest    []byte
}

func (i *input) Read(p []byte) (int, error) {
	if len(i.rest) == 0 {
		select {
		case i.rest = <-i.console.input:
		case <-i.console.ctx.Done():
			return 0, io.ErrClosedPipe
		}
	}
	n := copy(p, i.rest)
	i.rest = i.rest[n:]
	return n, nil
}
