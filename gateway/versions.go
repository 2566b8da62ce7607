package gateway

import (
	"context"
	"strconv"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Versions
//
// A container keeps the versions of its objects in one of three ways, all for
// every door: X-Versions-Enabled keeps them with the container;
// X-Versions-Location moves replaced ones to another container and back again
// when the object is deleted; X-History-Location moves deleted ones there as
// well. The store keeps the rows in the transaction that replaces them; what a
// deletion means is decided here. A drive's deletion of a name never brings an
// older version back: whoever deletes a file there wants it gone.

// The settings of a container that name its archive.
const (
	headerStack   = "versions-location"
	headerHistory = "history-location"
)

// NullVersion is the version of an object that was written while its container
// kept none.
const NullVersion = "null"

// errNoArchive is the answer to a change whose versions have no place.
var errNoArchive = errs.New("versions", errs.Precondition, errs.NoContainer, "")

// loadArchive finds the container that gets the versions of the scope's
// container, where its settings name one. A missing one has the ID 0.
func (c *core) loadArchive(v *store.View, s *scope) error {
	name := s.container.Headers[headerStack]
	if name == "" {
		name = s.container.Headers[headerHistory]
	}
	if name == "" {
		return nil
	}
	archive, _, err := v.ContainerNamed(s.container.Account, name)
	s.container.Archive = &archive
	s.container.MarkDeletions = s.container.Headers[headerStack] == ""
	return err
}

// keepVersions refuses to remove a container whose objects have versions.
func keepVersions(tx *store.Tx, s *scope) error {
	left, err := tx.HasVersions(s.container.ID)
	if err == nil && left {
		err = errs.New("trees", errs.Forbidden, errs.HasVersions, "The container holds versions of its files: delete them first.")
	}
	return err
}

// keepsVersions tells that rows of the container are not simply replaced.
func (s *scope) keepsVersions() bool {
	return s.archived() || s.container.Versioning != store.NeverVersioned
}

func (s *scope) archived() bool { return s.container.Archive != nil }

func (s *scope) archiveID() uint64 {
	if s.container.Archive == nil {
		return 0
	}
	return s.container.Archive.ID
}

// stacks tells that a deletion brings the version before back.
func (s *scope) stacks() bool { return s.archived() && s.container.Headers[headerStack] != "" }

// archiveGuards are the locks of a change that may move a version into the
// archive: of one row of it, if known (nil: not), else of all of it.
func (s *scope) archiveGuards(row *store.Object) []store.Guard {
	a := s.container.Archive
	if a == nil || a.ID == 0 {
		return nil
	}
	guards := []store.Guard{store.LockDepot(a.Depot, true)}
	if row == nil || a.ID == s.container.ID {
		return append(guards, store.LockContainer(a.ID, false))
	}
	return append(guards, store.LocksOfWrite(a.ID, store.ArchiveName(row.Name, row.Timestamp), false)...)
}

// keptOld counts the places that keep a row that is replaced, and so its bytes:
// here among what the container counts, and elsewhere in its depot and account,
// in the archive and in the history that snapshots show.
func (s *scope) keptOld(row *store.Object, now store.Stamp) (here, elsewhere int64) {
	if row == nil {
		return 0, 0
	}
	if s.container.Keeps(row) {
		elsewhere++
	}
	if row.Expired(now) {
		return here, elsewhere
	}
	if s.container.Versioning == store.Versioned || row.Version != 0 {
		here++
	}
	if s.archived() {
		elsewhere++
	}
	return here, elsewhere
}

// remove takes a live object out of its container, as the container's rules
// for versions say. The result is the version of the marker, where one is
// left.
func (c *core) remove(tx *store.Tx, s *scope, old *store.Object, p auth.Principal, now store.Stamp) (marker store.Stamp, err error) {
	gone := *old
	gone.Timestamp = old.Timestamp.After(now)
	if s.stacks() {
		restored, err := c.popVersion(tx, s, old, p, gone.Timestamp)
		if err != nil || restored {
			return 0, err
		}
	} else {
		marker = tx.DeleteObject(&s.container, old, gone.Timestamp)
	}
	tx.AddJournal(c.journal("delete", p, s.container.ID, &gone))
	if err := c.forgetPath(tx, &s.container, old.Name); err != nil {
		return marker, err
	}
	return marker, c.forgetJoined(tx, s, old)
}

// popVersion removes an object and puts the newest version of the archive in
// its place, if there is one. Taking a version out of the archive needs the
// right to write there.
func (c *core) popVersion(tx *store.Tx, s *scope, old *store.Object, p auth.Principal, at store.Stamp) (restored bool, err error) {
	archive := s.container.Archive
	bare := s.container
	bare.Archive = nil
	var list []store.Object
	if archive.ID != 0 {
		list, err = tx.Records(archive.ID, store.Query{Prefix: store.ArchivePrefix(old.Name), Limit: 1, Reverse: true})
		if err != nil {
			return false, err
		}
	}
	if len(list) == 0 {
		tx.DeleteObject(&bare, old, at)
		return false, nil
	}
	version := list[0]
	if !c.mayWriteArchive(tx, s, p, version.Name) {
		return false, refuse(p)
	}
	tx.DeleteObject(&bare, old, at)
	if version.ContentType == store.DeletedType && version.Content.Size == 0 {
		tx.DeleteObject(archive, &version, version.Timestamp.After(at))
		return false, nil
	}
	popped := version
	popped.Name, popped.Timestamp, popped.Written = old.Name, at+1, at+1
	tx.MoveRow(archive, &bare, &version, &popped, at+1)
	tx.AddJournal(c.journal("restore", p, s.container.ID, &popped))
	return true, nil
}

// mayWriteArchive tells whether the caller may change an object in the archive.
func (c *core) mayWriteArchive(tx *store.Tx, s *scope, p auth.Principal, name string) bool {
	if p.Grant != nil {
		return p.Grant.Wide && p.Grant.Write
	}
	at := scope{account: s.account, container: *s.container.Archive, readOnly: s.readOnly}
	var err error
	if at.depot, at.hasDepot, err = tx.Depot(at.container.Depot); err != nil {
		return false
	}
	err = at.grant(p, Ref{Account: at.container.Account, Container: at.container.Name, Object: name})
	return err == nil && at.mayWrite(p) == nil
}

// markMissing notes the deletion of an object that is not there, in a
// container whose history shows such deletions. It returns the marker's
// version, "" where none is written.
func (c *core) markMissing(ctx context.Context, ref Ref) (string, error) {
	p, now := auth.PrincipalOf(ctx), c.now()
	at, err := c.locate(ctx, p, ref)
	if err != nil {
		return "", err
	}
	if at.container.Versioning != store.Versioned && (!at.archived() || at.stacks()) {
		return "", nil
	}
	version := ""
	err = c.store.Update(ctx, at.guards(false), func(tx *store.Tx) error {
		version = ""
		s, err := c.load(&tx.View, p, ref, nil)
		if err != nil {
			return err
		}
		if err := s.mayWrite(p); err != nil {
			return err
		}
		if !s.same(&at) {
			return errMoved
		}
		o, found, err := tx.Object(s.container.ID, ref.Object)
		if err != nil || found && !o.Expired(now) {
			return err // made meanwhile: it stays
		}
		if s.archived() && s.archiveID() == 0 {
			return errNoArchive
		}
		if s.archived() && !s.stacks() {
			if err := tx.MarkArchived(&s.container, ref.Object, now); err != nil {
				return err
			}
		}
		if s.container.Versioning == store.Versioned {
			marker, err := tx.MarkDeleted(&s.container, ref.Object, now)
			version = versionText(marker)
			return err
		}
		return nil
	})
	return version, err
}

// versionText is a version as people see it: seconds with five decimals.
func versionText(v store.Stamp) string {
	if v == 0 {
		return NullVersion
	}
	text := strconv.FormatInt(int64(v), 10)
	if len(text) < 6 {
		text = strings.Repeat("0", 6-len(text)) + text
	}
	return text[:len(text)-5] + "." + text[len(text)-5:]
}

// parseVersion reads what versionText writes.
func parseVersion(text string) (store.Stamp, error) {
	bad := errs.New("versions", errs.Invalid, errs.BadVersion, "Invalid version parameter")
	if text == NullVersion {
		return 0, nil
	}
	whole, fraction, ok := strings.Cut(text, ".")
	if !ok || len(fraction) != 5 || whole == "" || len(whole) > 12 || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, bad
	}
	n, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil || n == 0 {
		return 0, bad
	}
	return store.Stamp(n), nil
}

// atVersion reads the version of an object that ref names; current is the row
// that has the name now, if found. Where no versions were ever kept, that is
// the one that there is, and has no name of its own.
func (s *scope) atVersion(v *store.View, ref Ref, current *store.Object, found bool) (store.Object, bool, error) {
	if s.container.Versioning == store.NeverVersioned && ref.Version != NullVersion {
		return store.Object{}, false, errs.New("versions", errs.Invalid, errs.BadVersion,
			"version-aware operations require that the container is versioned")
	}
	version, err := parseVersion(ref.Version)
	if err != nil {
		return store.Object{}, false, err
	}
	if found && current.Version == version {
		return *current, true, nil
	}
	if version == 0 {
		return store.Object{}, false, nil
	}
	return v.Version(s.container.ID, ref.Object, version)
}

// show converts an object of the scope's container, with its version.
func (s *scope) show(o *store.Object) Object {
	out := fromObject(o)
	if s.container.Versioning != store.NeverVersioned {
		out.Version = versionText(o.Version)
	}
	return out
}

// DeleteVersion removes one version of an object for good, and returns which
// is current afterwards, "null" where none is. NotFound when there is no such
// version. Locks bind as for Delete when the version is the current one.
func (o *Objects) DeleteVersion(ctx context.Context, ref Ref) (current string, err error) {
	err = o.changeVersion(ctx, ref, func(tx *store.Tx, s *scope, live, version *store.Object, p auth.Principal, now store.Stamp) error {
		current = NullVersion
		at := version.Timestamp.After(now)
		gone := *version
		gone.Timestamp = at
		tx.AddJournal(o.journal("delete", p, s.container.ID, &gone))
		if live != nil && live.Version == version.Version {
			tx.DeleteCurrent(&s.container, live, at)
			return o.forgetPath(tx, &s.container, ref.Object)
		}
		if live != nil {
			current = versionText(live.Version)
		}
		tx.DeleteVersion(&s.container, version, at)
		return nil
	})
	return current, err
}

// RestoreVersion makes a version of an object the current one again; what was
// current becomes a version.
func (o *Objects) RestoreVersion(ctx context.Context, ref Ref) (Object, error) {
	var out Object
	err := o.changeVersion(ctx, ref, func(tx *store.Tx, s *scope, live, version *store.Object, p auth.Principal, now store.Stamp) error {
		if live != nil && live.Version == version.Version {
			out = s.show(live)
			return nil
		}
		if version.Deleted {
			return errs.New("objects.RestoreVersion", errs.NotFound, errs.NoObject, "")
		}
		at := version.Timestamp.After(now)
		if live != nil {
			at = live.Timestamp.After(at)
		}
		restored := *version
		tx.RestoreVersion(&s.container, live, &restored, at)
		tx.AddJournal(o.journal("restore", p, s.container.ID, &restored))
		out = s.show(&restored)
		return tx.DeleteProps(&s.container, ref.Object)
	})
	return out, err
}

// changeVersion runs fn in a transaction on a version, current or not, of an
// object that the caller may write; live is what is current, nil for nothing.
func (o *Objects) changeVersion(ctx context.Context, ref Ref,
	fn func(tx *store.Tx, s *scope, live, version *store.Object, p auth.Principal, now store.Stamp) error) error {
	if err := checkObjectRef(ref); err != nil {
		return err
	}
	p, now := auth.PrincipalOf(ctx), o.now()
	at, err := o.locate(ctx, p, ref)
	if err != nil {
		return err
	}
	return o.store.Update(ctx, append(at.guards(false), at.quotaGuards(false)...), func(tx *store.Tx) error {
		var current store.Object
		var found bool
		var locks int64
		s, err := o.load(&tx.View, p, ref, func(b *store.Batch, id uint64) {
			b.Object(id, ref.Object, &current, &found)
			b.Count(store.CountContainerLocks, id, &locks)
		})
		if err != nil {
			return err
		}
		if err := s.mayWrite(p); err != nil {
			return err
		}
		if !s.same(&at) {
			return errs.New("objects", errs.NotFound, errs.NoContainer, "")
		}
		version, ok, err := s.atVersion(&tx.View, ref, &current, found)
		if err != nil {
			return err
		}
		if !ok || version.Expired(now) {
			return errs.New("objects", errs.NotFound, errs.NoObject, "")
		}
		if locks != 0 {
			if err := o.holdsLocks(&tx.View, p, &s, ref.Object, true, nil, now); err != nil {
				return err
			}
		}
		var live *store.Object
		if found {
			live = &current
		}
		return fn(tx, &s, live, &version, p, now)
	})
}

// VersionOptions select a page of versions.
type VersionOptions struct {
	ListOptions
	// VersionMarker, with Marker, goes on behind one version of that name.
	VersionMarker string
}

// A VersionEntry of a listing is a version, or a rolled-up prefix in Subdir.
type VersionEntry struct {
	Object Object
	// Latest tells that no version of the name is newer, or that it is the
	// current one.
	Latest  bool
	Deleted bool // the marker of a deletion
	Subdir  string
}

// ListVersions returns a container together with a page of the versions of its
// objects: names in order, of each the newest first. A container that never
// kept versions lists its objects.
func (o *Objects) ListVersions(ctx context.Context, ref Ref, opt VersionOptions) (Container, []VersionEntry, error) {
	if err := names.Container(ref.Container); err != nil {
		return Container{}, nil, err
	}
	q := store.VersionQuery{Query: query(opt.ListOptions, o.now())}
	if opt.VersionMarker != "" && opt.VersionMarker != NullVersion {
		var err error
		if q.VersionMarker, err = parseVersion(opt.VersionMarker); err != nil {
			return Container{}, nil, err
		}
	}
	p := auth.PrincipalOf(ctx)
	var out Container
	var entries []VersionEntry
	err := o.store.View(ctx, func(v *store.View) error {
		var objects, bytes int64
		s, err := o.load(v, p, ref, func(b *store.Batch, id uint64) {
			b.Count(store.CountContainerObjects, id, &objects)
			b.Count(store.CountContainerBytes, id, &bytes)
		})
		if err != nil {
			return err
		}
		if err := s.mayList(p); err != nil {
			return err
		}
		list, err := v.Versions(s.container.ID, q)
		if err != nil {
			return err
		}
		out = fromContainer(&s, objects, bytes)
		entries = make([]VersionEntry, len(list))
		for i := range list {
			entries[i] = VersionEntry{Subdir: list[i].Subdir, Latest: list[i].Latest, Deleted: list[i].Object.Deleted}
			if list[i].Subdir == "" {
				entries[i].Object = fromObject(&list[i].Object)
				if link := entries[i].Object.Link; link != nil {
					link.Account = refersTo(ref.Account, &list[i].Object)
				}
				entries[i].Object.Version = versionText(list[i].Object.Version)
			}
		}
		return nil
	})
	return out, entries, err
}

// applyVersioning merges what a change says about versions into a record.
func (ch *ContainerChange) applyVersioning(c *store.Container) error {
	stack, history := ch.Headers[headerStack], ch.Headers[headerHistory]
	if stack != "" && history != "" {
		return errs.New("containers", errs.Invalid, errs.BadMetadata,
			"Only one of x-versions-location or x-history-location may be specified")
	}
	for _, name := range []string{stack, history} {
		switch {
		case strings.Contains(name, "/"):
			return errs.New("containers", errs.Precondition, errs.BadName, "Container name cannot contain slashes")
		case name != "":
			if err := names.Container(name); err != nil {
				return err
			}
		}
	}
	if stack != "" {
		delete(c.Headers, headerHistory)
	}
	if history != "" {
		delete(c.Headers, headerStack)
	}
	if ch.Versioned != nil {
		switch {
		case *ch.Versioned:
			c.Versioning = store.Versioned
		case c.Versioning == store.Versioned:
			c.Versioning = store.VersioningStopped
		}
	}
	return nil
}
