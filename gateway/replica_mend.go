package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"reflect"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// Mended says what came of looking for damaged content in a container and its
// replicas.
type Mended struct {
	Looked int64 // objects, on all sides
	Mended int64 // got sound content from another side
	// Left are damaged still: no side has sound content of the same digests.
	Left int64
	// Names are some of those that are left.
	Names []string
}

// maxMendedNames is how many names Mended holds.
const maxMendedNames = 100

// Mend gives objects of a container and of its replicas whose content is in
// quarantine that of another side, where that is sound: its size, MD5 and
// SHA-256 are compared with the record of the damaged one while it is copied.
// Nothing but the content changes; the damaged one stays in quarantine. Owners
// only. The gateway does this by itself as well, now and then.
func (r *Replication) Mend(ctx context.Context, ref Ref) (Mended, error) {
	p := auth.PrincipalOf(ctx)
	at, err := r.owned(ctx, p, ref)
	if err != nil {
		return Mended{}, err
	}
	if err := at.notReplica(); err != nil {
		return Mended{}, errs.New("replication.Mend", errs.Invalid, "", "Name the space that is replicated, not its replica.")
	}
	var out Mended
	return out, r.replicator.mend(ctx, &at.container, &out)
}

// mendAll mends every replicated container, if there is damage at all.
func (r *replicator) mendAll(ctx context.Context) error {
	if !r.store.Damaged() {
		return nil
	}
	seen := map[uint64]bool{}
	err := r.eachState(ctx, func(s *store.Replica) { seen[s.Source] = true })
	if err != nil {
		return err
	}
	for id := range seen {
		var source store.Container
		var found bool
		err := r.store.View(ctx, func(v *store.View) (err error) {
			source, found, err = v.Container(id)
			return err
		})
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if err := r.mend(ctx, &source, &Mended{}); err != nil {
			return err
		}
	}
	return nil
}

// mend looks at all sides of a container.
func (r *replicator) mend(ctx context.Context, source *store.Container, out *Mended) error {
	if !r.store.Damaged() {
		return nil
	}
	sides := []store.Container{*source}
	err := r.store.View(ctx, func(v *store.View) error {
		sides = sides[:1]
		list, err := v.ReplicasOf(source.ID)
		for i := range list {
			k, found, err := v.Container(list[i].Container)
			if err != nil {
				return err
			}
			if found && k.ReplicaOf == source.ID {
				sides = append(sides, k)
			}
		}
		return err
	})
	for i := range sides {
		if err != nil {
			return err
		}
		err = r.mendSide(ctx, sides, i, out)
	}
	return err
}

// mendSide gives damaged objects of one side the content of the others.
func (r *replicator) mendSide(ctx context.Context, sides []store.Container, at int, out *Mended) error {
	for marker, more := "", true; more; {
		var bad []store.Object
		var looked int
		var last string
		err := r.store.View(ctx, func(v *store.View) error {
			bad, looked, last = nil, 0, ""
			list, err := v.Records(sides[at].ID, store.Query{Marker: marker, Limit: replicaPage})
			for i := range list {
				damaged, err := v.Quarantined(list[i].Content)
				if err != nil {
					return err
				}
				if damaged && !list[i].Expired(r.now()) {
					bad = append(bad, list[i])
				}
			}
			if looked = len(list); looked > 0 {
				last = list[looked-1].Name
			}
			return err
		})
		if err != nil {
			return err
		}
		out.Looked += int64(looked)
		marker, more = last, looked == replicaPage
		for i := range bad {
			if err := r.mendOne(ctx, sides, at, &bad[i], out); err != nil {
				return err
			}
		}
	}
	return nil
}

// mendOne mends one object of a side from the first of the others that can.
func (r *replicator) mendOne(ctx context.Context, sides []store.Container, at int, o *store.Object, out *Mended) error {
	ref := Ref{Account: sides[at].Account, Container: sides[at].Name, Object: o.Name}
	for i := range sides {
		if i == at {
			continue
		}
		err := r.mendFrom(ctx, &sides[i], &sides[at], o)
		switch {
		case err == nil:
			out.Mended++
			r.stats.mended.Add(1)
			r.store.Notify(ctx, store.EventReplica, "mended "+ref.String(), "its damaged content was replaced by the sound one of "+sides[i].Account+"/"+sides[i].Name)
			return nil
		case ctx.Err() != nil || r.store.Stopped() != nil:
			return err
		case !errors.Is(err, errNoHelp):
			r.cfg.Logger.WarnContext(ctx, "mending an object", "object", ref.String(), "from", sides[i].Account, "err", err)
		}
	}
	out.Left++
	if len(out.Names) < maxMendedNames {
		out.Names = append(out.Names, ref.String())
	}
	return nil
}

// errNoHelp tells that a side has no sound content of the same digests.
var errNoHelp = errors.New("gateway: the other side has not the same content, or it is damaged, too")

// mendFrom copies the content of the object of the same name in another
// container, if it is the same, and makes it that of a damaged one.
func (r *replicator) mendFrom(ctx context.Context, from, to *store.Container, o *store.Object) error {
	var sound store.Object
	var data []byte
	err := r.store.View(ctx, func(v *store.View) error {
		var found, bad bool
		var err error
		if sound, found, err = v.Object(from.ID, o.Name); err == nil {
			bad, err = v.Quarantined(sound.Content)
		}
		if err == nil && (!found || bad || !sameContent(&sound.Content, &o.Content)) {
			err = errNoHelp
		}
		if err == nil && sound.Content.Inline {
			data, err = v.Inline(sound.Content)
		}
		return err
	})
	if err != nil {
		return err
	}
	content, err := r.stored(ctx, &place{scope: scope{container: *from}, obj: sound, raw: true}, data)
	if err != nil {
		return err
	}
	defer content.Close() //nolint:errcheck // it was only read
	up := r.store.NewUploadIn(ctx, volumeOf(to.Account))
	defer up.Close()
	body := &throttled{ctx: ctx, r: io.NewSectionReader(content, 0, content.Size()), limit: r.limit, count: &r.stats.bytes}
	if err := up.Receive(body, o.Content.Size); err != nil {
		return err
	}
	made, err := up.Finish()
	if err != nil {
		return err
	}
	ctx, now := context.WithoutCancel(ctx), r.now()
	guards := append(store.LocksOfWrite(to.ID, o.Name, false), store.LockDepot(to.Depot, true))
	err = r.store.Update(ctx, guards, func(tx *store.Tx) error {
		k, found, err := tx.Container(to.ID)
		if err != nil || !found || k.Depot != to.Depot {
			return errors.Join(err, errNoHelp)
		}
		row, found, err := tx.Object(to.ID, o.Name)
		if err != nil || !found || !reflect.DeepEqual(row, *o) {
			return errors.Join(err, errNoHelp) // replaced meanwhile
		}
		if err := tx.MendObject(&k, &row, made, now); err != nil {
			return err
		}
		up.Attach(tx, made)
		return nil
	})
	if err != nil && errs.ReasonOf(err) != errs.Unknown {
		up.Discard(ctx)
	}
	return err
}

func hexOf(sum []byte) string { return hex.EncodeToString(sum) }
