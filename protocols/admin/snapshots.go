package admin

import (
	"context"
	"slices"
	"time"

	"entrepot/gateway"
)

// Methods of the snapshots of containers.
const (
	MethodSnapshotList    = "snapshot.list"
	MethodSnapshotCreate  = "snapshot.create"
	MethodSnapshotDestroy = "snapshot.destroy"
)

// addSnapshots adds the methods of snapshots.
func addSnapshots(t map[string]method) {
	t[MethodSnapshotList] = method{run: with((*Face).listSnapshots), may: viewers}
	t[MethodSnapshotCreate] = method{run: with((*Face).createSnapshot), may: owners, changes: true}
	t[MethodSnapshotDestroy] = method{run: with((*Face).destroySnapshot), may: owners, changes: true}
}

// SnapshotName is what snapshot.create and snapshot.destroy take.
type SnapshotName struct {
	ContainerName
	Snapshot string `json:"snapshot"` // one path element, at most 256 bytes
}

func (n SnapshotName) target() string { return n.ContainerName.target() + "@" + n.Snapshot }

// A Snapshot is one snapshot of a container.
type Snapshot struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	User    string    `json:"user"` // who took it
}

// SnapshotPage is what snapshot.list takes.
type SnapshotPage struct {
	ContainerName
	Marker string `json:"marker,omitempty"`
	Limit  int    `json:"limit,omitempty"` // 1 to 1,000; default 1,000
}

// Snapshots is the answer of snapshot.list, oldest first. Marker, the name of
// the last, is there when more follow.
type Snapshots struct {
	Snapshots []Snapshot `json:"snapshots"`
	Marker    string     `json:"marker,omitempty"`
}

func (f *Face) listSnapshots(ctx context.Context, p SnapshotPage) (Snapshots, error) {
	limit, err := page(p.Limit)
	if err != nil {
		return Snapshots{}, err
	}
	list, err := f.deps.Snapshots.List(ctx, p.ref(ctx))
	if err != nil {
		return Snapshots{}, err
	}
	if p.Marker != "" {
		at := slices.IndexFunc(list, func(s gateway.Snapshot) bool { return s.Name == p.Marker })
		if at < 0 {
			return Snapshots{}, badCall(codeParams, "the snapshot of the marker is gone: begin anew")
		}
		list = list[at+1:]
	}
	out := Snapshots{Snapshots: make([]Snapshot, min(limit, len(list)))}
	for i := range out.Snapshots {
		out.Snapshots[i] = Snapshot(list[i])
	}
	if limit < len(list) {
		out.Marker = list[limit-1].Name
	}
	return out, nil
}

// MadeSnapshot is the answer of snapshot.create.
type MadeSnapshot struct {
	Snapshot string `json:"snapshot"`
}

func (f *Face) createSnapshot(ctx context.Context, n SnapshotName) (MadeSnapshot, error) {
	return MadeSnapshot{n.Snapshot}, f.deps.Snapshots.Logged().Create(ctx, n.ref(ctx), n.Snapshot)
}

func (f *Face) destroySnapshot(ctx context.Context, n SnapshotName) (Deleted, error) {
	return Deleted{true}, f.deps.Snapshots.Logged().Destroy(ctx, n.ref(ctx), n.Snapshot)
}
