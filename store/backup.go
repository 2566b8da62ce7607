package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"entrepot/store/blob"
	"entrepot/store/kv"
)

// BackupSource is where a backup comes from, besides the store.
type BackupSource struct {
	// Database writes a copy of the engine's database to w and then calls then
	// with a reader of the state that it wrote.
	Database func(ctx context.Context, w io.Writer, then func(kv.Reader) error) error
}

// BackupTarget is where the content of a backup goes.
type BackupTarget struct {
	Blobs blob.Blobs
	// Adopt takes content over without copying it, and returns false where it
	// cannot; nil: it never can.
	Adopt func(ctx context.Context, id blob.ID) (bool, error)
	// Sync makes what was adopted durable; nil: there is nothing to do.
	Sync func() error
}

// A BackupReport says what a backup did.
type BackupReport struct {
	BackupHeader
	Content int64 // pieces of content in files; small ones are in the database
	Bytes   int64 // of these
	Linked  int64 // of these, taken over without a copy
	Copied  int64
	Kept    int64 // were there from an earlier backup
	Damaged int64 // could not be read, and are marked so
	Pruned  int64 // were there and are not needed any more
}

const listName = "list.tmp"

// Backup writes a backup of the whole store into a directory, while the store
// is in use: the state of one moment. Secrets are not part of it. A directory
// that holds a backup is brought up to date: content that is there stays, and
// until the new manifest is in place the old backup is good. While it runs no
// content is removed from the store.
//
// Content that cannot be read does not end a backup: it is marked in the
// manifest and counted.
func (s *Store) Backup(ctx context.Context, dir string, from BackupSource, to BackupTarget) (report BackupReport, err error) {
	s.removal.Lock()
	defer s.removal.Unlock()
	b := &backup{Store: s, dir: dir, to: to, report: &report}
	report.Created = s.Now().Time()
	report.Database.Name = "entrepot-" + report.Created.Format("20060102T150405.00000") + ".db"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return report, err
	}
	if err := b.snapshot(ctx, from); err != nil {
		return report, fmt.Errorf("backup: database: %w", fail("store.Backup", err))
	}
	ids, err := b.content(ctx)
	if err != nil {
		return report, fmt.Errorf("backup: content: %w", fail("store.Backup", err))
	}
	if err := b.publish(); err != nil {
		return report, fmt.Errorf("backup: %w", err)
	}
	return report, b.prune(ctx, ids)
}

// backup is one Backup on its way.
type backup struct {
	*Store
	dir    string
	to     BackupTarget
	report *BackupReport
}

// snapshot writes the database, and the list of the content in files that it
// refers to.
func (b *backup) snapshot(ctx context.Context, from BackupSource) error {
	sum := sha256.New()
	err := b.write(b.report.Database.Name, func(f io.Writer) error {
		return b.write(listName, func(list io.Writer) error {
			n := &counting{w: io.MultiWriter(f, sum)}
			return from.Database(ctx, n, func(r kv.Reader) error {
				b.report.Database.Bytes = n.n
				return listContent(ctx, r, list)
			})
		})
	})
	b.report.Database.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return err
}

// counting counts what is written.
type counting struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// write makes a file in the backup's directory and makes it durable.
func (b *backup) write(name string, fill func(io.Writer) error) (err error) {
	f, err := os.OpenFile(filepath.Join(b.dir, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Sync()
}

// listContent writes a line for each piece of content in a file, once each.
func listContent(ctx context.Context, r kv.Reader, list io.Writer) error {
	shared := make(map[blob.ID]bool)
	for _, refs := range contentRanges() {
		err := allPages(r, refs, func(_ kv.Reader, items []kv.Item) error {
			for _, item := range items {
				all, err := contentsOf(refs.Table, item.Row, item.Value)
				if err != nil {
					return fmt.Errorf("%s: %w", describe(refs.Table, item.Row), err)
				}
				for _, c := range all {
					if c.kind() != kindFile || shared[c.Blob] {
						continue
					}
					if c.Owner != 0 {
						shared[c.Blob] = true
					}
					if _, err := fmt.Fprintln(list, &backedUp{id: c.Blob, size: c.Size, sha256: c.SHA256}); err != nil {
						return err
					}
				}
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// content brings all content of the list into the backup and writes the
// manifest under a temporary name.
func (b *backup) content(ctx context.Context) (ids []blob.ID, err error) {
	list, err := os.Open(filepath.Join(b.dir, listName))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, list.Close(), os.Remove(list.Name())) }()
	err = b.write(manifestName+".new", func(w io.Writer) error {
		m, err := newManifestWriter(w, b.report.BackupHeader)
		if err != nil {
			return err
		}
		for lines := bufio.NewScanner(list); lines.Scan(); {
			item, err := parseBackedUp(lines.Text())
			if err != nil {
				return err
			}
			if err := b.take(ctx, &item); err != nil {
				return err
			}
			ids = append(ids, item.id)
			if err := m.add(&item); err != nil {
				return err
			}
		}
		return m.finish()
	})
	if err == nil && b.to.Sync != nil {
		err = b.to.Sync()
	}
	return ids, err
}

// take brings one piece of content into the backup.
func (b *backup) take(ctx context.Context, item *backedUp) error {
	b.report.Content++
	b.report.Bytes += item.size
	err := b.link(ctx, item)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, blob.ErrCorrupt), errors.Is(err, blob.ErrNotFound):
		item.damaged = true
		b.report.Damaged++
		content := Content{Blob: item.id, Size: item.size, SHA256: item.sha256}
		b.quarantine(ctx, content, "found by a backup", err)
		return nil
	}
	return err
}

func (b *backup) link(ctx context.Context, item *backedUp) error {
	if kept, err := b.keep(ctx, item); err != nil || kept {
		return err
	}
	if b.bad.has(item.id) {
		return errQuarantinedBlob
	}
	if b.to.Adopt != nil {
		if linked, err := b.to.Adopt(ctx, item.id); err != nil || linked {
			b.report.Linked++
			return err
		}
	}
	r, err := b.blobs.Open(ctx, item.id)
	if err != nil {
		return err
	}
	err = copyContent(ctx, b.to.Blobs, item, io.NewSectionReader(r, 0, r.Size()))
	if err == nil {
		b.report.Copied++
	}
	return errors.Join(err, r.Close())
}

// keep tells whether an earlier backup brought a piece of content already. What
// is there and cannot be it is removed.
func (b *backup) keep(ctx context.Context, item *backedUp) (bool, error) {
	r, err := b.to.Blobs.Open(ctx, item.id)
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	size := int64(-1)
	if err == nil {
		size, err = r.Size(), r.Close()
	}
	switch {
	case err != nil && !errors.Is(err, blob.ErrCorrupt):
		return false, err
	case size == item.size:
		b.report.Kept++
		return true, nil
	}
	return false, b.to.Blobs.Remove(ctx, item.id)
}

var errQuarantinedBlob = fmt.Errorf("%w: %w", blob.ErrCorrupt, errQuarantined)

// copyContent writes a blob with the bytes of r, which must be those that the
// item says.
func copyContent(ctx context.Context, to blob.Blobs, item *backedUp, r io.Reader) error {
	up, err := to.Create(ctx, item.id)
	if err != nil {
		return err
	}
	defer up.Abort()
	sum := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(up, sum), untilCanceled{ctx, r}, make([]byte, 256<<10))
	switch {
	case err != nil:
		return err
	case n != item.size:
		return fmt.Errorf("%w: %s has %d bytes, not %d", blob.ErrCorrupt, item.id, n, item.size)
	case [32]byte(sum.Sum(nil)) != item.sha256:
		return fmt.Errorf("%w: %s has another SHA-256", blob.ErrCorrupt, item.id)
	}
	return up.Commit()
}

// untilCanceled reads until a context ends.
type untilCanceled struct {
	ctx context.Context // of the one call that reads
	r   io.Reader
}

// Read implements io.Reader.
func (u untilCanceled) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// publish makes the new manifest the backup's.
func (b *backup) publish() error {
	path := filepath.Join(b.dir, manifestName)
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDirectory(b.dir)
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// prune removes what only earlier backups needed.
func (b *backup) prune(ctx context.Context, ids []blob.ID) error {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if name != b.report.Database.Name && strings.HasPrefix(name, "entrepot-") && strings.HasSuffix(name, ".db") {
			if err := os.Remove(filepath.Join(b.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	slices.SortFunc(ids, compareIDs)
	for id, err := range b.to.Blobs.All(ctx) {
		if err != nil {
			return err
		}
		if _, needed := slices.BinarySearchFunc(ids, id, compareIDs); needed {
			continue
		}
		if err := b.to.Blobs.Remove(ctx, id); err != nil {
			return err
		}
		b.report.Pruned++
	}
	return nil
}
