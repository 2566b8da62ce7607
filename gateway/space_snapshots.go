package gateway

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// A SpaceSnapshot is a snapshot of a space as preservation clients see it.
type SpaceSnapshot struct {
	ID          string // SnapshotID
	Space       string
	StoreID     int
	Created     time.Time
	Description string
	Items       int64
	Bytes       int64
	User        string
}

// SnapshotID is what such clients call a snapshot of a space, taken at a
// moment: "account_store_space_2006-01-02-15-04-05".
func SnapshotID(account string, storeID int, space string, at time.Time) string {
	return account + "_" + strconv.Itoa(storeID) + "_" + space + "_" + at.UTC().Format(fileStamp)
}

// maxDescription bounds the description of a snapshot, in bytes.
const maxDescription = 4096

var errNoSnapshotID = errs.New("spaces", errs.NotFound, errs.NoSnapshot, "There is no such snapshot.")

// refOfSnapshot reads which space of a store a snapshot's ID names.
func refOfSnapshot(account, id string) (ref Ref, at time.Time, err error) {
	home, n := splitStore(account)
	rest, ok := strings.CutPrefix(id, home+"_"+strconv.Itoa(max(n, PrimaryStore))+"_")
	i := len(rest) - len(fileStamp)
	if !ok || i < 2 || rest[i-1] != '_' {
		return ref, at, errNoSnapshotID
	}
	if at, err = time.Parse(fileStamp, rest[i:]); err != nil {
		return ref, at, errNoSnapshotID
	}
	return Ref{Account: account, Container: rest[:i-1]}, at, nil
}

// CreateSnapshot takes a snapshot of a space. Owners only; Exists when one was
// taken in the same second.
func (s *Spaces) CreateSnapshot(ctx context.Context, ref Ref, description string) (SpaceSnapshot, error) {
	if names.Text(description) != nil || len(description) > maxDescription {
		return SpaceSnapshot{}, errs.New("spaces", errs.Invalid, errs.BadMetadata, "The description of a snapshot is UTF-8 of at most 4096 bytes.")
	}
	if names.Text(ref.Container) != nil {
		return SpaceSnapshot{}, errNoSpace
	}
	if err := s.roomOnDisk(); err != nil {
		return SpaceSnapshot{}, err
	}
	p, now := auth.PrincipalOf(ctx), s.now()
	at, err := s.owned(ctx, p, ref)
	if err != nil {
		return SpaceSnapshot{}, err
	}
	info := s.storeOf(ref.Account)
	name := SnapshotID(homeAccount(ref.Account), info.ID, ref.Container, now.Time())
	snapshots := &Snapshots{core: s.core}
	var made store.Snapshot
	err = s.store.Update(ctx, at.guards(false), func(tx *store.Tx) error {
		found, err := s.again(tx, p, ref, &at)
		if err != nil {
			return err
		}
		if err := snapshots.create(tx, p, &found.container, name, now); err != nil {
			return err
		}
		var ok bool
		if made, ok, err = tx.Snapshot(found.container.ID, name); err != nil || !ok {
			return err
		}
		var markers int64
		b := tx.Batch()
		b.Count(store.CountContainerObjects, found.container.ID, &made.Items)
		b.Count(store.CountContainerMarkers, found.container.ID, &markers)
		b.Count(store.CountContainerBytes, found.container.ID, &made.Bytes)
		if err := b.Do(); err != nil {
			return err
		}
		made.Items -= markers
		made.Description = description
		tx.DescribeSnapshot(&made)
		return nil
	})
	return fromSpaceSnapshot(ref, info.ID, &made), err
}

func fromSpaceSnapshot(ref Ref, id int, s *store.Snapshot) SpaceSnapshot {
	return SpaceSnapshot{
		ID: s.Name, Space: ref.Container, StoreID: id, Created: s.Created.Time(),
		Description: s.Description, Items: s.Items, Bytes: s.Bytes, User: s.User,
	}
}

// Snapshot finds a snapshot of a store by its ID, for a caller who may list
// the space.
func (s *Spaces) Snapshot(ctx context.Context, account, id string) (SpaceSnapshot, error) {
	ref, _, err := refOfSnapshot(account, id)
	if err != nil {
		return SpaceSnapshot{}, err
	}
	p := auth.PrincipalOf(ctx)
	var out SpaceSnapshot
	err = s.store.View(ctx, func(v *store.View) error {
		at, snap, err := s.snapshot(v, p, ref, id)
		if err != nil {
			return err
		}
		out = fromSpaceSnapshot(ref, s.storeOf(account).ID, &snap)
		return at.mayList(p)
	})
	if errs.ReasonOf(err) == errs.NoContainer {
		err = errNoSnapshotID
	}
	return out, err
}

// Snapshots lists the snapshots of the spaces of a store that the caller may
// list, by space and age. Only those that have an ID of the form are listed.
func (s *Spaces) Snapshots(ctx context.Context, account string) ([]SpaceSnapshot, error) {
	spaces, err := s.List(ctx, account)
	if err != nil {
		return nil, err
	}
	info := s.storeOf(account)
	out := []SpaceSnapshot{}
	for _, space := range spaces {
		ref := Ref{Account: account, Container: space}
		err := s.store.View(ctx, func(v *store.View) error {
			k, found, err := v.ContainerNamed(account, space)
			if err != nil || !found || !k.HasSnapshots() {
				return err
			}
			list, err := v.Snapshots(k.ID)
			for i := range list {
				if at, _, err := refOfSnapshot(account, list[i].Name); err == nil && at == ref {
					out = append(out, fromSpaceSnapshot(ref, info.ID, &list[i]))
				}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b SpaceSnapshot) int { return strings.Compare(a.Space, b.Space) })
	return out, nil
}

// SnapshotItems returns a page of what a snapshot of a space shows, folder
// markers left out: page numbers begin at 0.
func (s *Spaces) SnapshotItems(ctx context.Context, account, id, prefix string, page, size int) ([]Object, error) {
	ref, _, err := refOfSnapshot(account, id)
	if err != nil {
		return nil, err
	}
	snapshots := &Snapshots{core: s.core}
	if size < 1 || page < 0 || page > math.MaxInt/size {
		return []Object{}, nil // no snapshot has so many items
	}
	skip, out := page*size, []Object{}
	for marker, more := "", true; more && len(out) < size; {
		list, err := snapshots.Objects(ctx, ref, id, prefix, marker, maxPage)
		if err != nil {
			return nil, err
		}
		if more = len(list) == maxPage; more {
			marker = list[len(list)-1].Name
		}
		for i := range list {
			switch {
			case list[i].IsMarker():
			case skip > 0:
				skip--
			case len(out) < size:
				out = append(out, list[i])
			}
		}
	}
	return out, nil
}

// A TaskClass says who may run a task.
type TaskClass uint8

// The classes.
const (
	TaskOfOwners TaskClass = iota // of the account
	TaskOfUsers                   // every user of it
	TaskOfAdmins                  // administrators of the gateway
)

// MayRunTasks judges whether the caller may run tasks of a class in an
// account.
func (s *Spaces) MayRunTasks(ctx context.Context, account string, class TaskClass) error {
	p := auth.PrincipalOf(ctx)
	if err := s.mayUse(ctx, p, account); err != nil {
		return err
	}
	switch class {
	case TaskOfAdmins:
		if p.Role == auth.RoleAdmin && p.User != "" {
			return nil
		}
	case TaskOfUsers:
		if member(p, account) {
			return nil
		}
	}
	if class != TaskOfAdmins && accountAccess(p, account).Owner {
		return nil
	}
	return refuse(p)
}
