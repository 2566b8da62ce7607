package store

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"entrepot/gateway/errs"
	"entrepot/store/kv"
)

// Versions
//
// A container keeps the versions of its objects in one of two ways. Either it
// keeps them itself (Versioning): a replaced or deleted row moves to the table
// of versions, under its name and the stamp that is its version's ID, newest
// first; a deletion leaves a marker there. Or it names another container, the
// archive (Archive), where replaced rows become ordinary objects. A change of
// properties makes no version: what counts is when content was written.
//
// A version keeps the reference to its content that the row had, so none is
// copied. Where a snapshot shows the row as well, both get references.

// Versioning is whether a container keeps versions by itself.
type Versioning uint64

// The states of Versioning.
const (
	NeverVersioned    Versioning = 0
	Versioned         Versioning = 1
	VersioningStopped Versioning = 2 // new rows have no version; those of before are kept
)

// DeletedType is the content type of the marker that a deletion leaves among
// versions, as Swift has it.
const DeletedType = "application/x-deleted;swift_versions_deleted=1"

// The digests of nothing.
var (
	emptyMD5    = md5.Sum(nil)
	emptySHA256 = sha256.Sum256(nil)
)

// versionKey is the row of a version: names hold no NUL, so the versions of a
// name stand together, newest first.
func versionKey(id uint64, name string, version Stamp) kv.Key {
	return key(tableVersions, append(append(in(id, name), 0), u64(^uint64(version))...))
}

// splitVersion takes the name and the version out of a row of the table.
func splitVersion(row []byte) (name string, version Stamp, err error) {
	if len(row) < 18 || row[len(row)-9] != 0 {
		return "", 0, fmt.Errorf("store: version row %x", row)
	}
	return string(row[8 : len(row)-9]), Stamp(^binary.BigEndian.Uint64(row[len(row)-8:])), nil
}

func decodeVersion(row, value []byte) (Object, error) {
	name, version, err := splitVersion(row)
	if err != nil {
		return Object{}, err
	}
	o, err := decodeObject(name, value)
	if err == nil && o.Version != version {
		err = fmt.Errorf("store: the row of version %d holds version %d", version, o.Version)
	}
	return o, err
}

// written tells whether next is another writing of content than old.
func written(old, next *Object) bool {
	return old.Written != next.Written || old.Content.Blob != next.Content.Blob
}

// retire disposes of a row that goes: snapshots, versions and the archive keep
// it as their rules say, and when nobody does its content is released. next is
// the content of what takes its place, nil for nothing; rewritten tells that
// more than properties changed.
func (tx *Tx) retire(c *Container, old *Object, next *Content, rewritten bool, now Stamp) {
	rewritten = rewritten && !old.Expired(now)
	var holders []func(Content)
	if next != nil && next.Blob == old.Content.Blob && next.Owner == old.Content.Owner {
		holders = append(holders, func(ref Content) { next.Owner = ref.Owner })
	}
	if c.Keeps(old) {
		holders = append(holders, func(ref Content) { tx.keep(c, old, ref) })
	}
	if rewritten && (c.Versioning == Versioned || old.Version != 0) {
		holders = append(holders, func(ref Content) { tx.keepVersion(c, old, ref) })
	}
	if rewritten && c.Archive != nil && c.Archive.ID == 0 {
		tx.note(errs.New("store.archive", errs.Precondition, errs.NoContainer, "The container that keeps the versions is missing."))
	}
	if rewritten && c.Archive != nil {
		holders = append(holders, func(ref Content) { tx.archive(c, old, ref, now) })
	}
	if len(holders) == 0 {
		tx.releaseContent(old.Content, now)
		return
	}
	first := old.Content
	refs := make([]Content, len(holders))
	for i := range refs[1:] {
		tx.share(&first, &refs[i+1])
	}
	refs[0] = first
	for i, hold := range holders {
		hold(refs[i])
	}
}

// keepVersion moves a row to the versions of its name. One that had no version
// is known by the time when it was written, or behind those that there are:
// one of them may be of the same moment.
func (tx *Tx) keepVersion(c *Container, old *Object, ref Content) {
	past := *old
	past.Content = ref
	if past.Version == 0 {
		at, err := tx.afterVersions(c.ID, past.Name, past.Written)
		tx.note(err)
		past.Version = at
	}
	tx.putVersion(c, &past)
}

func (tx *Tx) putVersion(c *Container, o *Object) {
	tx.tx.Put(versionKey(c.ID, o.Name, o.Version), o.encode())
	tx.count(c, 0, o.Content.Size)
	if o.DeleteAt != 0 {
		tx.tx.Put(expireVersionKey(c.ID, o), nil)
	}
}

// dropVersion removes a row from the table of versions; what becomes of its
// content is the caller's matter.
func (tx *Tx) dropVersion(c *Container, o *Object) {
	tx.tx.Delete(versionKey(c.ID, o.Name, o.Version))
	tx.count(c, 0, -o.Content.Size)
	if o.DeleteAt != 0 {
		tx.tx.Delete(expireVersionKey(c.ID, o))
	}
}

// version gives a new row of a container that keeps versions an ID: the time
// when it was written, which is moved behind all versions of the name.
func (tx *Tx) version(c *Container, old, o *Object) {
	switch {
	case old != nil && !written(old, o):
		o.Version = old.Version
	case c.Versioning != Versioned:
		o.Version = 0
	default:
		at, err := tx.afterVersions(c.ID, o.Name, o.Written)
		tx.note(err)
		o.writtenAt(at)
		o.Version = o.Written
	}
}

// writtenAt moves the writing of an object to a later moment.
func (o *Object) writtenAt(at Stamp) {
	if o.Written < at {
		o.Written, o.Timestamp = at, max(at, o.Timestamp)
	}
}

// afterVersions returns at, or the stamp behind the newest version of a name
// where that is later.
func (v *View) afterVersions(id uint64, name string, at Stamp) (Stamp, error) {
	page, err := v.r.Scan(kv.Prefix(tableVersions, append(in(id, name), 0)), 1)
	if err != nil || len(page.Items) == 0 {
		return at, err
	}
	_, newest, err := splitVersion(page.Items[0].Row)
	return newest.After(at), err
}

// MarkDeleted writes the marker of a deletion among the versions of a name and
// returns its ID: at, or behind what is newer.
func (tx *Tx) MarkDeleted(c *Container, name string, at Stamp) (Stamp, error) {
	at, err := tx.afterVersions(c.ID, name, at)
	if err != nil {
		return 0, err
	}
	tx.putVersion(c, &Object{
		Name: name, Born: c.Epoch, Created: at, Written: at, Timestamp: at, Version: at, ContentType: DeletedType, Deleted: true,
		Content: Content{MD5: emptyMD5, SHA256: emptySHA256},
	})
	return at, nil
}

// leaveMarker marks the deletion of a name where the container keeps versions.
func (tx *Tx) leaveMarker(c *Container, name string, now Stamp) Stamp {
	if c.Archive != nil && c.MarkDeletions && c.Archive.ID != 0 {
		tx.note(tx.MarkArchived(c, name, now))
	}
	if c.Versioning != Versioned {
		return 0
	}
	marker, err := tx.MarkDeleted(c, name, now)
	tx.note(err)
	return marker
}

// DeleteVersion removes one version that is not the object's current row, and
// its content.
func (tx *Tx) DeleteVersion(c *Container, o *Object, now Stamp) {
	tx.dropVersion(c, o)
	tx.releaseContent(o.Content, now)
}

// DeleteCurrent removes the current row of an object for good: neither a
// version nor a marker stays behind.
func (tx *Tx) DeleteCurrent(c *Container, o *Object, now Stamp) {
	bare := *c
	bare.Versioning, bare.Archive = NeverVersioned, nil
	last := *o
	last.Version = 0
	tx.DeleteObject(&bare, &last, now)
}

// RestoreVersion makes a version the current row of its name again, stamped
// with the time at; what was current (nil: nothing) becomes a version. o is
// changed to what is current then.
func (tx *Tx) RestoreVersion(c *Container, current, o *Object, at Stamp) {
	bare := *c
	bare.Archive = nil
	if current != nil { // first: the ID that it may get must not be that of o
		tx.retire(&bare, current, nil, true, at)
		tx.take(c, current)
	}
	tx.dropVersion(c, o)
	o.Timestamp, o.Born = at, c.Epoch
	tx.tx.Put(objectKey(c.ID, o.Name), o.encode())
	tx.expiry(c.ID, nil, o)
	tx.countMarkers(c.ID, o.marks())
	tx.count(c, 1, o.Content.Size)
	tx.pending(c, o.Name)
}

// Version reads one version of an object that is not its current row.
func (v *View) Version(id uint64, name string, version Stamp) (o Object, found bool, err error) {
	k := versionKey(id, name, version)
	rows, err := v.r.Get(k)
	if err != nil || rows[0] == nil {
		return Object{}, false, err
	}
	o, err = decodeVersion(k.Row, rows[0])
	return o, true, err
}

// ShareVersion makes dst refer to the content of a version of an object of
// container c, current or not; its row is written back when it was not shared
// before.
func (tx *Tx) ShareVersion(c *Container, src *Object, dst *Content) error {
	live, found, err := tx.Object(c.ID, src.Name)
	if err != nil {
		return err
	}
	if found && live.Version == src.Version {
		tx.ShareContent(c, &live, dst)
		return nil
	}
	alone := src.Content.Owner == 0
	tx.share(&src.Content, dst)
	if alone && src.Content.Owner != 0 {
		tx.tx.Put(versionKey(c.ID, src.Name, src.Version), src.encode())
	}
	return nil
}

// HasVersions tells whether a container holds versions that are not current,
// markers of deletions among them.
func (v *View) HasVersions(id uint64) (bool, error) {
	r := kv.Prefix(tableVersions, u64(id))
	r.KeysOnly = true
	page, err := v.r.Scan(r, 1)
	return len(page.Items) > 0, err
}

// reapVersions removes the versions of a detached container.
func (tx *Tx) reapVersions(id uint64, now Stamp) (more bool, err error) {
	page, err := tx.tx.Scan(kv.Prefix(tableVersions, u64(id)), reapBatch)
	if err != nil {
		return false, err
	}
	for _, item := range page.Items {
		o, err := decodeVersion(item.Row, item.Value)
		if err != nil {
			return false, err
		}
		tx.tx.Delete(key(tableVersions, bytes.Clone(item.Row)))
		tx.releaseContent(o.Content, now)
		if o.DeleteAt != 0 {
			tx.tx.Delete(expireVersionKey(id, &o))
		}
	}
	return page.Next != nil, nil
}

// ArchivePrefix is how the names of a name's versions in an archive begin: its
// length in bytes, three hexadecimal digits, and itself.
func ArchivePrefix(name string) string { return fmt.Sprintf("%03x", len(name)) + name + "/" }

// ArchiveName is the name of an object's version in an archive.
func ArchiveName(name string, at Stamp) string {
	text := strconv.FormatInt(int64(at), 10)
	n := max(len(text)-5, 0)
	return ArchivePrefix(name) + text[:n] + "." + text[n:]
}

// archive writes a row that is being replaced into the archive of its
// container.
func (tx *Tx) archive(c *Container, old *Object, ref Content, now Stamp) {
	past := *old
	past.Name, past.Born, past.Version = ArchiveName(old.Name, old.Timestamp), c.Archive.Epoch, 0
	past.Content, past.Written, past.Timestamp, past.Created = ref, now, now, now
	if past.Modified == 0 {
		past.Modified = old.Written
	}
	tx.note(tx.putArchived(c.Archive, &past, now))
}

// afterArchived returns at, or the stamp behind the newest version of a name in
// an archive where that is later: so no two versions have one name.
func (v *View) afterArchived(archive *Container, name string, at Stamp) (Stamp, error) {
	prefix := in(archive.ID, ArchivePrefix(name))
	r := kv.Prefix(tableObjects, prefix)
	r.Reverse, r.KeysOnly = true, true
	page, err := v.r.Scan(r, 1)
	if err != nil || len(page.Items) == 0 {
		return at, err
	}
	whole, fraction, _ := strings.Cut(string(page.Items[0].Row[len(prefix):]), ".")
	newest, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil || len(fraction) != 5 {
		return at, nil // something that a client put there
	}
	return Stamp(newest).After(at), nil
}

// MarkArchived writes the marker of a deletion at a moment, or behind the
// newest version of the name, into the archive of a container.
func (tx *Tx) MarkArchived(c *Container, name string, at Stamp) error {
	at, err := tx.afterArchived(c.Archive, name, at)
	if err != nil {
		return err
	}
	return tx.putArchived(c.Archive, &Object{
		Name: ArchiveName(name, at), Born: c.Archive.Epoch, Created: at, Written: at, Timestamp: at, ContentType: DeletedType,
		Content: Content{MD5: emptyMD5, SHA256: emptySHA256},
	}, at)
}

func (tx *Tx) putArchived(archive *Container, o *Object, now Stamp) error {
	existing, found, err := tx.Object(archive.ID, o.Name)
	if err != nil {
		return err
	}
	var old *Object
	if found {
		old = &existing
	}
	tx.PutObject(archive, old, o, now)
	for i := range o.Name {
		if o.Name[i] != '/' || i == 0 {
			continue
		}
		if _, found, err := tx.Object(archive.ID, o.Name[:i]); err != nil || found {
			if err != nil {
				return err
			}
			tx.MarkClash(archive.ID)
			break
		}
	}
	return nil
}

// note keeps the first failure of a read inside a method that writes: Update
// fails with it.
func (tx *Tx) note(err error) {
	if tx.failed == nil {
		tx.failed = err
	}
}
