package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"entrepot/gateway/errs"
	"entrepot/store/blob"
	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// A Verdict says whether an object's content is what its record says.
type Verdict struct {
	Object  Object
	At      time.Time // when that was found out
	Damaged bool      // it is something else, or gone
	Failed  bool      // it could not be read this time
	Reason  string    // of Damaged and Failed
}

// VerifyPage compares the content of a page of a container's objects, at most
// limit behind marker, with their records. Content that was found sound at or
// after since is not read again; what is read goes no faster than
// Options.ScrubRate. next is the marker of the next page, "" at the end.
// Objects that only mark folders, and those that are replaced meanwhile, are
// left out.
func (s *Store) VerifyPage(ctx context.Context, container uint64, marker string, limit int, since Stamp) (list []Verdict, next string, err error) {
	var claims []claim
	var verified []Stamp
	err = s.engine.View(ctx, func(r kv.Reader) error {
		claims, verified, next = nil, nil, ""
		v := s.view(r)
		objects, err := v.Records(container, Query{Marker: marker, Limit: limit})
		if err != nil {
			return err
		}
		if len(objects) == limit {
			next = objects[limit-1].Name
		}
		keys := make([]kv.Key, 0, 2*len(objects))
		for _, o := range objects {
			keys = append(keys, verifiedKey(o.Content.Blob), contentKey(o.Content.Blob))
		}
		rows, err := r.Get(keys...)
		if err != nil {
			return err
		}
		now := s.Now()
		for i := range objects {
			if o := &objects[i]; o.Marks() || o.Expired(now) {
				continue
			}
			at, _ := decodeID(rows[2*i])
			claims = append(claims, claim{container: container, object: objects[i], row: bytes.Clone(rows[2*i+1])})
			verified = append(verified, Stamp(at))
		}
		return nil
	})
	if err != nil {
		return nil, "", fail("store.VerifyPage", err)
	}
	p := &pace{rate: max(s.opt.ScrubRate, 0)}
	var sound []blob.ID
	for i := range claims {
		verdict, fresh, err := s.verdictOf(ctx, &claims[i], verified[i], since, p)
		if err != nil {
			return nil, "", err
		}
		if verdict != nil {
			list = append(list, *verdict)
		}
		if fresh {
			sound = append(sound, claims[i].object.Content.Blob)
		}
	}
	return list, next, s.markVerified(ctx, sound)
}

// verdictOf judges one object; fresh tells that its content was read now and
// found sound. A nil verdict: the object was replaced.
func (s *Store) verdictOf(ctx context.Context, c *claim, verified, since Stamp, p *pace) (v *Verdict, fresh bool, err error) {
	v = &Verdict{Object: c.object, At: s.Now().Time()}
	content := &c.object.Content
	switch {
	case content.Blob.IsZero():
		return v, false, nil
	case s.bad.has(content.Blob):
		v.Damaged, v.Reason = true, "the content is in quarantine"
		return v, false, nil
	case verified != 0 && verified >= since:
		v.At = verified.Time()
		return v, false, nil
	}
	switch err := s.verify(ctx, c, p); {
	case err == nil:
		v.At = s.Now().Time()
		return v, true, nil
	case ctx.Err() != nil:
		return nil, false, ctx.Err()
	case errs.Of(err) == errs.NotFound:
		return nil, false, nil
	case errors.Is(err, blob.ErrCorrupt):
		v.Damaged, v.Reason = true, reasonOf(err)
	default:
		v.Failed, v.Reason = true, "the content cannot be read"
	}
	return v, false, nil
}

// markVerified notes that content was found sound.
func (s *Store) markVerified(ctx context.Context, sound []blob.ID) error {
	if len(sound) == 0 {
		return nil
	}
	now := u64(uint64(s.Now()))
	err := s.engine.Update(ctx, nil, func(tx kv.Tx) error {
		for _, id := range sound {
			tx.Put(verifiedKey(id), now)
		}
		return nil
	})
	return fail("store.VerifyPage", err)
}

// An Integrity record says how the last comparison of a container with what it
// should hold ended.
type Integrity struct {
	Ended   Stamp
	Sound   bool
	Items   int64
	Reports []string // names of the objects with the reports, the latest first
	Account string   // where those are
	unknown []byte
}

func integrityKey(id uint64) kv.Key { return key(tableIntegrity, u64(id)) }

func (i *Integrity) encode() []byte {
	w := record.NewWriter(128)
	w.Int(1, int64(i.Ended))
	w.Bool(2, i.Sound)
	w.Int(3, i.Items)
	w.Strings(4, i.Reports)
	w.String(5, i.Account)
	w.Raw(i.unknown)
	return w.Finish()
}

func decodeIntegrity(b []byte) (i Integrity, err error) {
	i.unknown, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			i.Ended = Stamp(f.Int())
		case 2:
			i.Sound = f.Bool()
		case 3:
			i.Items = f.Int()
		case 4:
			i.Reports = append(i.Reports, f.String())
		case 5:
			i.Account = f.String()
		default:
			return false
		}
		return true
	})
	return i, err
}

// Integrity reads how the last comparison of a container ended; false where
// there was none.
func (v *View) Integrity(id uint64) (i Integrity, found bool, err error) {
	rows, err := v.r.Get(integrityKey(id))
	if err != nil || rows[0] == nil {
		return i, false, err
	}
	i, err = decodeIntegrity(rows[0])
	if err != nil {
		err = fmt.Errorf("store: integrity of container %s: %w", hex.EncodeToString(u64(id)), err)
	}
	return i, true, err
}

// PutIntegrity writes how a comparison ended. The caller holds the container's
// lock, shared.
func (tx *Tx) PutIntegrity(id uint64, i *Integrity) { tx.tx.Put(integrityKey(id), i.encode()) }

// DropReports begins the option of a job that removes reports on the integrity
// of a container that is gone; their names follow, with line ends between them.
const DropReports = "drop\n"

// dropReports has the reports on a container removed that is being detached.
func (tx *Tx) dropReports(c *Container, now Stamp) error {
	i, found, err := tx.Integrity(c.ID)
	if err != nil || !found || len(i.Reports) == 0 {
		return err
	}
	tx.AddJob(&Job{ // nobody else queues one of this name
		Kind: JobVerify, Due: now, Name: fmt.Sprintf("%x/drop", c.ID), Account: i.Account, Container: c.ID,
		Since: now, Option: DropReports + strings.Join(i.Reports, "\n"),
	})
	return nil
}
