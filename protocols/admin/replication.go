package admin

import (
	"context"
	"strconv"
	"strings"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// Methods that say which containers are replicated into further stores, and how
// that stands.
const (
	MethodReplicationSet     = "replication.set"
	MethodReplicationGet     = "replication.get"
	MethodReplicationList    = "replication.list"
	MethodReplicationCompare = "replication.compare"
	MethodReplicationRetry   = "replication.retry"
	MethodReplicationRelease = "replication.release"
	MethodReplicationRepair  = "replication.repair"
)

// addReplication adds the methods of replication.
func addReplication(t map[string]method) {
	t[MethodReplicationSet] = method{run: with((*Face).setReplication), may: owners, changes: true}
	t[MethodReplicationGet] = method{run: with((*Face).getReplication), may: viewers}
	t[MethodReplicationList] = method{run: with((*Face).listReplication), may: readers}
	t[MethodReplicationRepair] = method{run: with((*Face).repairReplica), may: owners, changes: true}
	for name, do := range map[string]func(*gateway.Replication, context.Context, gateway.Ref) error{
		MethodReplicationCompare: (*gateway.Replication).Compare,
		MethodReplicationRetry:   (*gateway.Replication).Retry,
		MethodReplicationRelease: (*gateway.Replication).Release,
	} {
		t[name] = method{may: owners, changes: true, run: with(func(f *Face, ctx context.Context, n ContainerName) (Asked, error) {
			return Asked{true}, do(f.deps.Replication.Logged(), ctx, n.ref(ctx))
		})}
	}
}

// Asked is the answer of methods whose work is done in the background.
type Asked struct {
	Accepted bool `json:"accepted"`
}

// SetReplication is what replication.set takes.
type SetReplication struct {
	ContainerName
	Stores  []int `json:"stores"`            // numbers of stores; none: no replication
	Default bool  `json:"default,omitempty"` // what the configuration says; stores are not looked at
	Adopt   bool  `json:"adopt,omitempty"`   // take over spaces of those stores that are not empty
}

// Replication is the answer of replication.get and replication.set.
type Replication struct {
	Account  string    `json:"account"`
	Space    string    `json:"container"`
	Stores   []int     `json:"stores"`
	Default  bool      `json:"default"` // nothing was set for this container
	Replicas []Replica `json:"replicas"`
}

// A Replica says how a replication stands.
type Replica struct {
	Account  string           `json:"account"`
	Space    string           `json:"container"`
	Store    int              `json:"store"`
	State    string           `json:"state"`
	Pending  int64            `json:"pending"`
	Failed   int64            `json:"failed"`
	More     bool             `json:"more,omitempty"` // pending and failed are not all
	Since    *time.Time       `json:"since,omitempty"`
	Compared *time.Time       `json:"compared,omitempty"`
	Reason   string           `json:"reason,omitempty"`
	Next     *time.Time       `json:"next,omitempty"`
	Until    *time.Time       `json:"until,omitempty"`
	Failures []ReplicaFailure `json:"failures,omitempty"`
}

// A ReplicaFailure is an item that cannot be brought in step.
type ReplicaFailure struct {
	Item     string     `json:"item"`
	Attempts int64      `json:"attempts"`
	Reason   string     `json:"reason"`
	Next     *time.Time `json:"next,omitempty"`
}

// timeOf leaves out a time that is not set.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func replicaOf(s *gateway.ReplicaStatus) Replica {
	out := Replica{
		Account: accountPrefix + s.Account, Space: s.Space, Store: s.Store, State: string(s.State), Pending: s.Pending, Failed: s.Failed, More: s.More,
		Since: timeOf(s.Since), Compared: timeOf(s.Compared), Reason: s.Reason, Next: timeOf(s.Next), Until: timeOf(s.Until),
	}
	for _, f := range s.Failures {
		out.Failures = append(out.Failures, ReplicaFailure{f.Item, f.Attempts, f.Reason, timeOf(f.Next)})
	}
	return out
}

func (f *Face) setReplication(ctx context.Context, p SetReplication) (Replication, error) {
	set := gateway.ReplicationSetting{Stores: p.Stores, Default: p.Default, Adopt: p.Adopt}
	if err := f.deps.Replication.Logged().Set(ctx, p.ref(ctx), set); err != nil {
		return Replication{}, err
	}
	return f.getReplication(ctx, p.ContainerName)
}

func (f *Face) getReplication(ctx context.Context, n ContainerName) (Replication, error) {
	ref := n.ref(ctx)
	set, err := f.deps.Replication.Setting(ctx, ref)
	if err != nil {
		return Replication{}, err
	}
	list, err := f.deps.Replication.Status(ctx, ref)
	out := Replication{
		Account: accountPrefix + ref.Account, Space: ref.Container, Stores: set.Stores, Default: set.Default, Replicas: make([]Replica, len(list)),
	}
	for i := range list {
		out.Replicas[i] = replicaOf(&list[i])
	}
	return out, err
}

// ReplicaPage is what replication.list takes.
type ReplicaPage struct {
	Marker string `json:"marker,omitempty"`
	Limit  int    `json:"limit,omitempty"` // 1 to 500; default 500
}

// Replicas is the answer of replication.list. Marker is there when more follow.
type Replicas struct {
	Replicas []Replica `json:"replicas"`
	Marker   string    `json:"marker,omitempty"`
}

// maxReplicas is the longest page of replications.
const maxReplicas = 500

func (f *Face) listReplication(ctx context.Context, p ReplicaPage) (Replicas, error) {
	if p.Limit < 0 || p.Limit > maxReplicas {
		return Replicas{}, badCall(codeParams, "limit is 1 to 500")
	}
	if p.Limit == 0 {
		p.Limit = maxReplicas
	}
	marker, err := replicaMarker(p.Marker)
	if err != nil {
		return Replicas{}, err
	}
	list, next, err := f.deps.Replication.StatusOfAll(ctx, marker, p.Limit)
	out := Replicas{Replicas: make([]Replica, len(list))}
	for i := range list {
		out.Replicas[i] = replicaOf(&list[i])
	}
	if next.Source != 0 {
		out.Marker = strconv.FormatUint(next.Source, 16) + "-" + strconv.Itoa(int(next.Store))
	}
	return out, err
}

// replicaMarker reads a marker of listReplication.
func replicaMarker(text string) (m gateway.ReplicaMarker, err error) {
	if text == "" {
		return m, nil
	}
	source, store, ok := strings.Cut(text, "-")
	id, err := strconv.ParseUint(source, 16, 64)
	n, bad := strconv.ParseUint(store, 10, 8)
	if !ok || err != nil || bad != nil {
		return m, badCall(codeParams, "that is no marker of an answer")
	}
	return gateway.ReplicaMarker{Source: id, Store: uint8(n)}, nil
}

// Repaired is the answer of replication.repair.
type Repaired struct {
	Looked   int64    `json:"looked"` // objects, on all sides
	Repaired int64    `json:"repaired"`
	Left     int64    `json:"left"`
	Names    []string `json:"names,omitempty"` // of some that are left
}

func (f *Face) repairReplica(ctx context.Context, n ContainerName) (Repaired, error) {
	m, err := f.deps.Replication.Logged().Mend(ctx, n.ref(ctx))
	if errs.Of(err) == errs.Other {
		err = told(err)
	}
	return Repaired{Looked: m.Looked, Repaired: m.Mended, Left: m.Left, Names: m.Names}, err
}
