package actors

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kadeploy/kadeploy/actors/message"
	"github.com/kadeploy/kadeploy/internal/agentlink"
	"github.com/kadeploy/kadeploy/internal/rights"
	"github.com/kadeploy/kadeploy/internal/store"
)

// Store is where a server's memory is kept: a *store.Store. What Write or KeepRights has returned from is there after a crash.
type Store interface {
	Write(context.Context, store.Batch) error
	Rights(context.Context) (*rights.Book, error)
	KeepRights(context.Context, *rights.Book) error
	Nodes(context.Context) ([]store.NodeState, error)
	Disks(context.Context) ([]store.NodeDisks, error)
	Archive
}

// Memory is what a server finds of those before it when it starts. It serves one tree.
type Memory struct {
	store   Store
	found   []found // operations without an end, oldest first
	answers []store.Operation
	nodes   []store.NodeState
	disks   []*message.NodeDisks
	rights  *rights.Book
}

// found is an operation that a server before this one has begun and not ended.
type found struct {
	store.Operation
	request *message.Submit
	events  []*message.Event
	past    *past
}

// Recall reads what a server has to know before it starts.
func Recall(ctx context.Context, s Store) (*Memory, error) {
	m := &Memory{store: s}
	var err error
	if m.rights, err = s.Rights(ctx); err != nil {
		return nil, err
	}
	unended, err := s.Unended(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range unended {
		f := found{Operation: o, request: &message.Submit{}}
		if err := proto.Unmarshal(o.Request, f.request); err != nil {
			return nil, fmt.Errorf("request of operation %s: %w", o.ID, err)
		}
		if f.events, err = eventsOf(ctx, s, o.ID); err != nil {
			return nil, err
		}
		f.past = pastOf(o.Since, f.events)
		m.found = append(m.found, f)
	}
	if m.answers, err = s.History(ctx, store.Query{Limit: maxAnswers}); err != nil {
		return nil, err
	}
	if m.nodes, err = s.Nodes(ctx); err != nil {
		return nil, err
	}
	m.disks, err = recallDisks(ctx, s)
	return m, err
}

// recallDisks reads the disks of all nodes.
func recallDisks(ctx context.Context, s Store) ([]*message.NodeDisks, error) {
	rows, err := s.Disks(ctx)
	var all []*message.NodeDisks
	for _, row := range rows {
		n := &message.NodeDisks{}
		if err := proto.Unmarshal(row.Disks, n); err != nil {
			return nil, fmt.Errorf("disks of %s: %w", row.Node, err)
		}
		all = append(all, n)
	}
	return all, err
}

// restore has the boots that are under way expected, before the first agent can call.
func (m *Memory) restore(boots *agentlink.Boots) {
	if m == nil {
		return
	}
	for _, f := range m.found {
		for host, b := range f.past.boots {
			boots.Restore(host, b)
		}
	}
}

// eventsOf reads all events of an operation.
func eventsOf(ctx context.Context, s Store, id string) ([]*message.Event, error) {
	var all []*message.Event
	for {
		page, err := s.Events(ctx, id, uint64(len(all)+1), 5000)
		if err != nil || len(page) == 0 {
			return all, err
		}
		for _, row := range page {
			e := &message.Event{}
			if err := proto.Unmarshal(row.Fact, e); err != nil {
				return nil, fmt.Errorf("event %d of operation %s: %w", row.Seq, id, err)
			}
			if e.GetSeq() != uint64(len(all)+1) {
				return nil, fmt.Errorf("event %d of operation %s is missing", len(all)+1, id)
			}
			all = append(all, e)
		}
	}
}

// stored is an event as the store has it.
func stored(e *message.Event) (store.Event, error) {
	fact, err := proto.Marshal(e)
	return store.Event{Operation: e.GetId(), Seq: e.GetSeq(), Time: e.GetTime().AsTime(), Fact: fact}, err
}

// opened is a request as the store has it from the moment on that it is accepted.
func (j *job) opened(since time.Time) (store.Operation, error) {
	request, err := proto.Marshal(j.exact())
	return store.Operation{
		ID: j.id, User: j.request.GetUser(), ClientID: j.request.GetClientId(), Kind: kindOf(j.request.GetOperation()), Environment: j.envName(),
		MinNodes: j.minNodes, Total: len(j.order), Since: since, Request: request, Resumed: j.resumed,
	}, err
}

// exact is the request with the very environment of the catalogue that it was taken for: the newest one may be another when it goes on.
func (j *job) exact() *message.Submit {
	if j.entry == nil {
		return j.request
	}
	r := proto.CloneOf(j.request)
	version := uint32(j.entry.Version)
	r.EnvironmentUser, r.EnvironmentVersion = j.entry.Owner, &version
	return r
}

func kindOf(o message.Operation) string {
	return strings.ToLower(o.String())
}
