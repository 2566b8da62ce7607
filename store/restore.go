package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"entrepot/gateway/errs"
	"entrepot/store/blob"
)

// RestoreTarget is where a backup is restored to.
type RestoreTarget struct {
	Database string // name of the file to be; must not exist
	Blobs    blob.Blobs
	// Open opens a piece of content of the backup: its bytes come first,
	// whatever follows.
	Open func(ctx context.Context, id blob.ID) (io.ReadCloser, error)
	// Lost is told of content that the backup should hold and that is damaged
	// or missing, and the restore goes on; nil: the restore is refused.
	Lost func(id blob.ID, err error)
}

// A RestoreReport says what was restored.
type RestoreReport struct {
	BackupHeader
	Content int64
	Bytes   int64
	Damaged int64 // not restored: were damaged when the backup was made, or were told to Lost
}

// Restore brings the backup in a directory back. Everything is compared with
// the digests of the manifest; the database gets its name last, so that what
// an interrupted restore leaves is no store. A backup that is not finished, or
// damaged, is refused with the reason.
func Restore(ctx context.Context, dir string, to RestoreTarget) (report RestoreReport, err error) {
	if _, err := os.Lstat(to.Database); !errors.Is(err, fs.ErrNotExist) {
		return report, errs.New("store.Restore", errs.Exists, "", "there is a database already")
	}
	// Read once to its end, for its lines cannot be believed before.
	report.BackupHeader, err = readBackup(dir, func(*backedUp) error { return nil })
	if err != nil {
		return report, err
	}
	temp := to.Database + ".restore"
	if err := restoreDatabase(ctx, dir, report.Database, temp); err != nil {
		return report, fmt.Errorf("restore: %s: %w", report.Database.Name, err)
	}
	_, err = readBackup(dir, func(item *backedUp) error {
		if item.damaged {
			report.Damaged++
			return nil
		}
		switch err := restoreContent(ctx, to, item); {
		case err == nil:
		case to.Lost != nil && (errors.Is(err, blob.ErrCorrupt) || errors.Is(err, blob.ErrNotFound)):
			to.Lost(item.id, err)
			report.Damaged++
			return nil
		default:
			return fmt.Errorf("restore: content %s: %w", item.id, err)
		}
		report.Content++
		report.Bytes += item.size
		return nil
	})
	if err != nil {
		return report, err
	}
	if err := os.Rename(temp, to.Database); err != nil {
		return report, err
	}
	return report, syncDirectory(filepath.Dir(to.Database))
}

// restoreContent brings one piece of content back.
func restoreContent(ctx context.Context, to RestoreTarget, item *backedUp) error {
	r, err := to.Open(ctx, item.id)
	if err != nil {
		return err
	}
	return errors.Join(copyContent(ctx, to.Blobs, item, io.LimitReader(r, item.size)), r.Close())
}

// readBackup reads the manifest of the backup in a directory.
func readBackup(dir string, each func(*backedUp) error) (h BackupHeader, err error) {
	f, err := os.Open(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return h, fmt.Errorf("%s holds no finished backup: there is no %s", dir, manifestName)
	}
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h, err = readManifest(f, each)
	if errors.Is(err, errManifest) {
		return h, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if err != nil {
		return h, err
	}
	if h.Database.Name != filepath.Base(h.Database.Name) || !strings.HasSuffix(h.Database.Name, ".db") {
		return h, fmt.Errorf("%s: %w: a database named %q", f.Name(), errManifest, h.Database.Name)
	}
	return h, nil
}

// restoreDatabase copies the database, which must be the one of the manifest.
func restoreDatabase(ctx context.Context, dir string, want BackupDatabase, path string) (err error) {
	from, err := os.Open(filepath.Join(dir, want.Name))
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	sum := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(to, sum), untilCanceled{ctx, from}, make([]byte, 1<<20))
	switch {
	case err != nil:
		return err
	case n != want.Bytes || hex.EncodeToString(sum.Sum(nil)) != want.SHA256:
		return fmt.Errorf("%w: size or SHA-256 is not that of the manifest", blob.ErrCorrupt)
	}
	return to.Sync()
}
