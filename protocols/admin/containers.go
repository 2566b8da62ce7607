package admin

import (
	"context"
	"time"

	"entrepot/gateway"
)

// ContainerName is what container.create and container.delete take.
type ContainerName struct {
	Account   string `json:"account,omitempty"` // default: the caller's own
	Container string `json:"container"`
}

func (n ContainerName) target() string { return n.Account + "/" + n.Container }

func (n ContainerName) ref(ctx context.Context) gateway.Ref {
	return gateway.Ref{Account: accountName(ctx, n.Account), Container: n.Container}
}

// MadeContainer is the answer of container.create.
type MadeContainer struct {
	Container string `json:"container"`
	Created   bool   `json:"created"` // false: it was there
}

func (f *Face) createContainer(ctx context.Context, n ContainerName) (MadeContainer, error) {
	created, err := f.deps.Containers.Logged().Create(ctx, n.ref(ctx), gateway.ContainerChange{})
	return MadeContainer{n.Container, created}, err
}

func (f *Face) deleteContainer(ctx context.Context, n ContainerName) (Deleted, error) {
	return Deleted{true}, f.deps.Containers.Logged().Delete(ctx, n.ref(ctx))
}

// ContainerPage is what container.list takes.
type ContainerPage struct {
	Account string `json:"account,omitempty"` // default: the caller's own
	Prefix  string `json:"prefix,omitempty"`
	Marker  string `json:"marker,omitempty"`
	Limit   int    `json:"limit,omitempty"` // 1 to 1,000; default 1,000
}

// ContainerRow is one container in the answer of container.list, in the words
// of Swift's listings.
type ContainerRow struct {
	Name     string    `json:"name"`
	Count    int64     `json:"count"`
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"last_modified"`
}

// ContainerRows is the answer of container.list. Marker is there when more
// follow.
type ContainerRows struct {
	Containers []ContainerRow `json:"containers"`
	Marker     string         `json:"marker,omitempty"`
}

func (f *Face) listContainers(ctx context.Context, p ContainerPage) (ContainerRows, error) {
	limit, err := page(p.Limit)
	if err != nil {
		return ContainerRows{}, err
	}
	_, entries, err := f.deps.Containers.List(ctx, accountName(ctx, p.Account), gateway.ListOptions{
		Prefix: p.Prefix, Marker: p.Marker, Limit: limit,
	})
	out := ContainerRows{Containers: make([]ContainerRow, len(entries))}
	for i, e := range entries {
		out.Containers[i] = ContainerRow{Name: e.Name, Count: e.Objects, Bytes: e.Bytes, Modified: e.Modified}
	}
	if len(entries) == limit {
		out.Marker = entries[limit-1].Name
	}
	return out, err
}
