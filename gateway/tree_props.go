package gateway

import (
	"context"
	"maps"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// Limits of the dead properties of one node.
const (
	maxPropValue = 64 << 10
	maxPropName  = 512 // bytes of namespace and name together
	maxPropLang  = 512
	maxPropTotal = 256 << 10
	maxPropCount = 1000
)

// PatchProps changes dead properties and the modification time of a node, all
// or nothing. A folder that is only implied is marked, so that it cannot
// vanish under its properties. OverQuota with MetadataFull above the limits.
func (t *Trees) PatchProps(ctx context.Context, ref Ref, patch PropPatch) error {
	if err := checkDriveRef(ref); err != nil {
		return err
	}
	if ref.Container == "" {
		return errs.New("trees.PatchProps", errs.Forbidden, errs.ProtectedRoot, "The root keeps no properties.")
	}
	for _, c := range patch.Changes {
		if err := checkProp(&c.Prop); err != nil {
			return err
		}
	}
	if ref.Object == "" && len(patch.User) > 0 {
		return errs.New("trees.PatchProps", errs.Forbidden, errs.ProtectedRoot, "A container has no user properties here.")
	}
	if err := t.roomOnDisk(); err != nil {
		return err
	}
	p, now := auth.PrincipalOf(ctx), t.now()
	at, err := t.locate(ctx, p, ref)
	if err != nil {
		return err
	}
	return t.store.Update(ctx, at.guards(false), func(tx *store.Tx) error {
		s, err := t.loadSame(tx, p, ref, &at)
		if err != nil {
			return err
		}
		n, ok, err := t.lookup(&tx.View, s.container.ID, ref.Object, now)
		if err == nil && !ok {
			err = notOnDrive
		}
		if err != nil {
			return err
		}
		if err := t.judge(&tx.View, p, &s, ref, &n, &patch.Conditions, now); err != nil {
			return err
		}
		if err := t.holdsLocks(&tx.View, p, &s, n.path, false, patch.Conditions.Tokens, now); err != nil {
			return err
		}
		if n.kind == NodeFolder && n.marker == nil {
			if n.marker, err = t.putMarker(tx, p, &s, n.path, now); err != nil {
				return err
			}
		}
		return t.applyPatch(tx, p, &s, &n, &patch, now)
	})
}

func checkProp(p *DeadProp) error {
	if len(p.Space)+len(p.Name) > maxPropName || len(p.Lang) > maxPropLang || len(p.Value) > maxPropValue {
		return noRoomFor(&PropError{Space: p.Space, Name: p.Name}, "The property is too large.")
	}
	if p.Name == "" || hasNUL(p.Space) || hasNUL(p.Name) {
		return errs.New("trees.PatchProps", errs.Invalid, errs.BadMetadata, "The property's name cannot be.")
	}
	return nil
}

// noRoomFor says which property goes beyond the limits.
func noRoomFor(p *PropError, text string) error {
	return &errs.Error{Op: "trees.PatchProps", Kind: errs.OverQuota, Reason: errs.MetadataFull, Text: text, Err: p}
}

func hasNUL(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return true
		}
	}
	return false
}

// applyProps carries out the changes in order and judges the outcome. What is
// too much altogether is too much because of the last property that was set.
func applyProps(tx *store.Tx, in *store.Container, path string, changes []PropChange) error {
	last := &PropError{}
	for _, c := range changes {
		var err error
		if c.Remove {
			err = tx.DeleteProp(in, path, c.Prop.Space, c.Prop.Name)
		} else {
			last = &PropError{Space: c.Prop.Space, Name: c.Prop.Name}
			err = tx.PutProp(in, path, store.DeadProp{
				Space: c.Prop.Space, Name: c.Prop.Name, Lang: c.Prop.Lang, Value: c.Prop.Value,
			})
		}
		if err != nil {
			return err
		}
	}
	props, err := tx.Props(in.ID, path)
	if err != nil {
		return err
	}
	total := 0
	for _, p := range props {
		total += len(p.Space) + len(p.Name) + len(p.Lang) + len(p.Value)
	}
	if len(props) > maxPropCount || total > maxPropTotal {
		return noRoomFor(last, "Too many properties.")
	}
	return nil
}

// applyPatch carries out a patch on a node whose object, if it needs one, is
// there.
func (c *core) applyPatch(tx *store.Tx, p auth.Principal, s *scope, n *node, patch *PropPatch, now store.Stamp) error {
	if err := applyProps(tx, &s.container, n.path, patch.Changes); err != nil {
		return err
	}
	o := n.file
	switch {
	case n.chunks != nil:
		o = n.chunks // its time and properties are those of the file
	case o == nil:
		o = n.marker
	}
	if o == nil || patch.Modified.IsZero() && len(patch.User) == 0 {
		return nil
	}
	next := *o
	next.Born = s.container.Epoch
	next.Properties = maps.Clone(o.Properties)
	next.Timestamp = o.Timestamp.After(now)
	if err := changeUser(&next, patch.User); err != nil {
		return err
	}
	if !patch.Modified.IsZero() {
		setModified(&next, patch.Modified)
	}
	tx.PutObject(&s.container, o, &next, now)
	tx.AddJournal(c.journal("post", p, s.container.ID, &next))
	return nil
}

// changeUser changes the user properties of a record within the limits that
// bind every door.
func changeUser(o *store.Object, changes []MetaItem) error {
	if len(changes) == 0 {
		return nil
	}
	if o.Properties == nil {
		o.Properties = make(map[string]string)
	}
	last := &PropError{User: true}
	for _, c := range changes {
		if c.Remove {
			delete(o.Properties, c.Name)
		} else {
			o.Properties[c.Name] = c.Value
			last.Name = c.Name
		}
		if c.Name == propMtime {
			setModified(o, time.Time{})
		}
	}
	if err := checkMeta(o.Properties, "object"); err != nil {
		return noRoomFor(last, errs.TextOf(err))
	}
	return nil
}
