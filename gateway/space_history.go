package gateway

import (
	"context"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// A SnapshotEvent is an entry of the history of a snapshot.
type SnapshotEvent struct {
	At   time.Time
	Text string
}

// SnapshotHistory tells what was done with a snapshot of a space, oldest
// first, from its taking on, to a caller who may list the space. Of what came
// after that, the last store.MaxSnapshotNotes entries are kept.
func (s *Spaces) SnapshotHistory(ctx context.Context, account, id string) ([]SnapshotEvent, error) {
	ref, _, err := refOfSnapshot(account, id)
	if err != nil {
		return nil, err
	}
	p := auth.PrincipalOf(ctx)
	var out []SnapshotEvent
	err = s.store.View(ctx, func(v *store.View) error {
		at, snap, err := s.snapshot(v, p, ref, id)
		if err != nil {
			return err
		}
		if err := at.mayList(p); err != nil {
			return err
		}
		notes, err := v.SnapshotNotes(at.container.ID, id, store.MaxSnapshotNotes)
		out = []SnapshotEvent{{snap.Created.Time(), "Taken by " + snap.User}}
		for _, n := range notes {
			out = append(out, SnapshotEvent{n.At.Time(), n.Text + " by " + n.User})
		}
		return err
	})
	if errs.ReasonOf(err) == errs.NoContainer {
		err = errNoSnapshotID
	}
	return out, err
}

// maxMail is the longest e-mail address (RFC 5321 section 4.5.3.1.3).
const maxMail = 254

// RequestRestore notes in the history of a snapshot that its restoration is
// wanted, by whom, and whom to tell: an administrator restores it. Owners of
// the space only.
func (s *Spaces) RequestRestore(ctx context.Context, account, id, mail string) error {
	if names.Text(mail) != nil || len(mail) > maxMail || strings.ContainsAny(mail, "\r\n\t") {
		return errs.New("spaces", errs.Invalid, errs.BadMetadata, "This is no e-mail address.")
	}
	text := "Restoration requested"
	if mail != "" {
		text += " for " + mail
	}
	_, err := s.noteSnapshot(ctx, account, id, text)
	return err
}

// NoteRestart notes in the history of a snapshot that it was to be begun
// again, and returns it: it is complete since it was taken. Owners of the space
// only.
func (s *Spaces) NoteRestart(ctx context.Context, account, id string) (SpaceSnapshot, error) {
	return s.noteSnapshot(ctx, account, id, "Asked to be restarted though complete")
}

// CompleteSnapshot notes in the history of the last snapshot of a space that
// whoever oversees it has done with it, and returns it. Owners only; Conflict
// where the space has no snapshot.
func (s *Spaces) CompleteSnapshot(ctx context.Context, ref Ref) (SpaceSnapshot, error) {
	last, err := s.LastSnapshot(ctx, ref)
	if err != nil {
		return last, err
	}
	return s.noteSnapshot(ctx, ref.Account, last.ID, "Declared complete")
}

// LastSnapshot returns the last snapshot of a space that has an ID of
// SnapshotID's form. Owners only; Conflict where there is none.
func (s *Spaces) LastSnapshot(ctx context.Context, ref Ref) (last SpaceSnapshot, err error) {
	if names.Text(ref.Container) != nil {
		return last, errNoSpace
	}
	at, err := s.owned(ctx, auth.PrincipalOf(ctx), ref)
	if err != nil {
		return last, err
	}
	found := false
	err = s.store.View(ctx, func(v *store.View) error {
		list, err := v.Snapshots(at.container.ID)
		for i := range list {
			if of, _, err := refOfSnapshot(ref.Account, list[i].Name); err == nil && of == ref {
				last, found = fromSpaceSnapshot(ref, s.storeOf(ref.Account).ID, &list[i]), true
			}
		}
		return err
	})
	if err == nil && !found {
		err = errs.New("spaces", errs.Conflict, "", "The space has no snapshot.")
	}
	return last, err
}

// noteSnapshot adds an entry to the history of a snapshot.
func (s *Spaces) noteSnapshot(ctx context.Context, account, id, text string) (out SpaceSnapshot, err error) {
	ref, _, err := refOfSnapshot(account, id)
	if err != nil {
		return out, err
	}
	p, now := auth.PrincipalOf(ctx), s.now()
	at, err := s.owned(ctx, p, ref)
	if errs.ReasonOf(err) == errs.NoContainer {
		err = errNoSnapshotID
	}
	if err != nil {
		return out, err
	}
	err = s.store.Update(ctx, at.guards(false), func(tx *store.Tx) error {
		found, err := s.again(tx, p, ref, &at)
		if err != nil {
			return err
		}
		snap, ok, err := tx.Snapshot(found.container.ID, id)
		if err != nil {
			return err
		}
		if !ok {
			return errNoSnapshot
		}
		out = fromSpaceSnapshot(ref, s.storeOf(account).ID, &snap)
		return tx.NoteSnapshot(found.container.ID, id, store.SnapshotNote{At: now, User: p.User, Text: text})
	})
	return out, err
}
