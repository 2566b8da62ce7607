package gateway

import (
	"context"
	"errors"
	"reflect"

	"entrepot/store"
)

// What is renamed or copied in a replicated container is renamed or copied in
// its replicas, by reference: the notes of such changes say where the content
// was (store.Pending). A note that a later change of the name has replaced says
// nothing; then the content is copied anew.

// maxRenames is how many renamings in a row are followed in one go.
const maxRenames = 3

// passOn brings in step the name that has the content of one that is gone from
// the source, while the replica has it still. Where that fails, it is for the
// other name to be tried again.
func (c *carrying) passOn(ctx context.Context) error {
	from := c.ref.Object
	if c.row == nil {
		from = c.hint // renamed again before the first change arrived
	}
	if c.note.To == "" || from == "" || c.hops == 0 {
		return nil
	}
	err := c.r.carryFrom(ctx, c.link, c.note.To, from, c.hops-1)
	return c.mine(ctx, err)
}

// mine is what a failure of another name means for this one: nothing, for it is
// tried again under its own, unless it ends all work or asks for another look.
func (c *carrying) mine(ctx context.Context, err error) error {
	if errors.Is(err, errOnceMore) || ctx.Err() != nil || c.store.Stopped() != nil {
		return err
	}
	return nil
}

// refer gives the replica's row the content that the replica has under another
// name, where that is what the source has; done tells that it did. Content in
// the engine is as soon copied.
func (c *carrying) refer(ctx context.Context) (done bool, err error) {
	name, want := c.hint, &c.from.Content
	if name == "" {
		name = c.note.From
	}
	if name == "" || name == c.ref.Object || want.Inline || want.Blob.IsZero() || want.SHA256 == [32]byte{} {
		return false, nil
	}
	other, err := c.elsewhere(ctx, name)
	if err == nil && other == nil && c.hint == "" && c.hops > 0 { // it may be on its way there, too
		if err := c.mine(ctx, c.r.carryFrom(ctx, c.link, name, "", c.hops-1)); err != nil {
			return false, err
		}
		other, err = c.elsewhere(ctx, name)
	}
	if err != nil || other == nil {
		return false, err
	}
	err = c.commit(ctx, other.Content, func(tx *store.Tx, content *store.Content) error {
		again, found, err := tx.Object(c.link.replica.ID, name)
		if err != nil {
			return err
		}
		if !found || !reflect.DeepEqual(again, *other) {
			return errOnceMore
		}
		tx.ShareContent(&c.scope.container, &again, content)
		return nil
	}, store.LockObject(c.link.replica.ID, name))
	return err == nil, err
}

// elsewhere finds what the replica has under another name, if it has the content
// of the source and is sound. errOnceMore: somebody was faster, and the replica
// has another row under the name itself by now.
func (c *carrying) elsewhere(ctx context.Context, name string) (other *store.Object, err error) {
	err = c.store.View(ctx, func(v *store.View) error {
		other = nil
		own, found, err := v.Object(c.link.replica.ID, c.ref.Object)
		if err != nil {
			return err
		}
		if found != (c.row != nil) || found && !reflect.DeepEqual(own, *c.row) {
			return errOnceMore
		}
		o, found, err := v.Object(c.link.replica.ID, name)
		if err != nil || !found || !sameContent(&o.Content, &c.from.Content) {
			return err
		}
		bad, err := v.Quarantined(o.Content)
		if err == nil && !bad {
			other = &o
		}
		return err
	})
	return other, err
}
