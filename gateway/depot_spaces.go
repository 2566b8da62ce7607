package gateway

import (
	"cmp"
	"context"
	"slices"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Spaces returns the containers of the user's depots (of one depot when id is
// not 0) in ascending order of id.
func (d *Depots) Spaces(ctx context.Context, user string, id uint64) ([]Space, error) {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return nil, err
	}
	month := trafficMonth(d.now().Time())
	var out []Space
	err := d.store.View(ctx, func(v *store.View) error {
		out = nil
		ids, err := depotsOf(v, user, false)
		if err != nil {
			return err
		}
		if ids, err = only(ids, id); err != nil {
			return err
		}
		for _, id := range ids {
			spaces, err := spacesOf(v, id, month)
			if err != nil {
				return err
			}
			out = append(out, spaces...)
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Space) int { return cmp.Compare(a.ID, b.ID) })
	return out, err
}

func spacesOf(v *store.View, depot uint64, month uint32) ([]Space, error) {
	record, _, err := v.Depot(depot)
	if err != nil {
		return nil, err
	}
	var out []Space
	for after := uint64(0); ; {
		ids, err := v.SpacesOf(depot, after, pageOfIDs)
		if err != nil || len(ids) == 0 {
			return out, err
		}
		containers, found := make([]store.Container, len(ids)), make([]bool, len(ids))
		used, traffic := make([]int64, len(ids)), make([]int64, len(ids))
		b := v.Batch()
		for i, id := range ids {
			b.Container(id, &containers[i], &found[i])
			b.Count(store.CountContainerBytes, id, &used[i])
			b.Traffic(store.CountContainerTraffic, id, month, &traffic[i])
		}
		if err := b.Do(); err != nil {
			return nil, err
		}
		for i, c := range containers {
			if found[i] {
				out = append(out, Space{
					ID: c.ID, Depot: depot, Name: c.Name, Owner: c.Creator, Active: !record.Inactive,
					Created: c.Created.Time(), StorageUsed: used[i], TrafficUsed: traffic[i],
				})
			}
		}
		after = ids[len(ids)-1]
	}
}

// CreateSpace makes a container in a depot for a user who owns it or is
// authorised for it, and returns its ID. NotFound with NoDepotForUser or
// NoDepot, Exists for a name that is taken in the owner's account.
func (d *Depots) CreateSpace(ctx context.Context, user string, id uint64, name string, call DepotCall) (uint64, error) {
	if err := operator(auth.PrincipalOf(ctx)); err != nil {
		return 0, err
	}
	if err := names.Container(name); err != nil {
		return 0, err
	}
	if err := d.roomOnDisk(); err != nil {
		return 0, err
	}
	container, err := d.store.NewID()
	if err != nil {
		return 0, err
	}
	account, err := d.accountOf(ctx, id)
	if err != nil {
		return 0, err
	}
	if err := d.prepare(&call); err != nil {
		return 0, err
	}
	ref, now := Ref{Account: account, Container: name}, d.now()
	guards := append(replayGuards(call), createGuards(ref, container, id, false)...)
	return container, d.store.Update(ctx, guards, func(tx *store.Tx) error {
		if err := once(tx, call, now); err != nil {
			return err
		}
		ids, err := depotsOf(&tx.View, user, true)
		if err != nil {
			return err
		}
		if _, err := only(ids, id); err != nil {
			return err
		}
		record, _, err := tx.Depot(id)
		switch {
		case err != nil:
			return err
		case record.Account != account: // it changed hands meanwhile
			return errs.New("depots.CreateSpace", errs.Unavailable, "", "The depot is being changed; try again.")
		case record.Inactive:
			return errs.New("depots.CreateSpace", errs.Forbidden, errs.Inactive, "The depot is deactivated.")
		}
		p := auth.Principal{User: user, Address: auth.PrincipalOf(ctx).Address}
		return d.create(tx, p, ref, container, id, ContainerChange{}, now)
	})
}

// DeleteSpaces removes containers of a depot with all they hold, locked or
// not, in one step. When one is unknown or lies elsewhere, nothing is deleted:
// NotFound with NoContainer.
func (d *Depots) DeleteSpaces(ctx context.Context, user string, id uint64, spaces []uint64, call DepotCall) error {
	if len(spaces) > maxSpacesOfCall {
		return errs.New("depots.DeleteSpaces", errs.Invalid, errs.NameTooLong, "The list of spaces is too long.")
	}
	defer d.users.purgeCredentials()
	spaces = slices.Compact(slices.Sorted(slices.Values(spaces)))
	p := auth.PrincipalOf(ctx)
	return d.change(ctx, user, id, call, nil, func(tx *store.Tx, record *store.Depot, now store.Stamp) error {
		containers, found := make([]store.Container, len(spaces)), make([]bool, len(spaces))
		b := tx.Batch()
		for i, space := range spaces {
			b.Container(space, &containers[i], &found[i])
		}
		if err := b.Do(); err != nil {
			return err
		}
		for i := range containers {
			if !found[i] || containers[i].Depot != id {
				return errs.New("depots.DeleteSpaces", errs.NotFound, errs.NoContainer, "")
			}
		}
		for i := range containers {
			if err := d.detachSpace(tx, p, &containers[i], now); err != nil {
				return err
			}
		}
		tx.AddDepotEntry(record, entry(ctx, call, now, record, record))
		return nil
	})
}

// detachSpace removes a container of a depot whose exclusive lock is held.
func (d *Depots) detachSpace(tx *store.Tx, p auth.Principal, c *store.Container, now store.Stamp) error {
	tx.AddJournal(d.journal("remove", p, c.ID, &store.Object{Timestamp: c.Modified.After(now)}))
	return tx.DetachContainer(c, now)
}
