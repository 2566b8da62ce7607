package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"entrepot/protocols/admin"
	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/dirblob"
)

// Backup writes a backup into a directory or brings the one there up to date.
func (m maintenance) Backup(ctx context.Context, b admin.Backup) (out admin.BackedUp, err error) {
	target, err := dirblob.Open(filepath.Join(b.Directory, blobsName), dirblob.Options{})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	to := store.BackupTarget{Blobs: target, Sync: target.SyncNames}
	if !b.Copy {
		to.Adopt = func(ctx context.Context, id blob.ID) (bool, error) { return target.Adopt(ctx, m.holder(id), id) }
	}
	r, err := m.store.Backup(ctx, b.Directory, store.BackupSource{Database: m.engine.Backup}, to)
	return admin.BackedUp{
		Created: r.Created, Database: r.Database.Bytes, Content: r.Content, Bytes: r.Bytes,
		Linked: r.Linked, Copied: r.Copied, Kept: r.Kept, Damaged: r.Damaged, Pruned: r.Pruned,
	}, err
}

func (p *program) backupCommand() *cobra.Command {
	var b admin.Backup
	cmd := &cobra.Command{
		Use:   "backup DIRECTORY",
		Short: "Write a backup of the store, or bring one up to date",
		Long: "Write the state of one moment into a directory, beside a running gateway if there is one. On the same volume " +
			"content is linked rather than copied: quick and small, but damage of the disk hits both; --copy copies. A directory that holds a backup is brought up to date. Secrets " +
			"(DATA/" + secretsName + ") are not part of a backup.",
		Args: oneArg("directory"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if b.Directory, err = filepath.Abs(args[0]); err != nil {
				return err
			}
			var out admin.BackedUp
			if err := p.administer(cmd.Context(), admin.MethodBackup, b, &out); err != nil {
				return err
			}
			fmt.Fprintf(p.stdout, "backup of %s in %s\n", out.Created.Format("2006-01-02 15:04:05 MST"), b.Directory)
			fmt.Fprintf(p.stdout, "database %d bytes; %d files of content, %d bytes: %d linked, %d copied, %d kept; %d removed\n",
				out.Database, out.Content, out.Bytes, out.Linked, out.Copied, out.Kept, out.Pruned)
			if out.Damaged > 0 {
				return fmt.Errorf("%d pieces of content are damaged and not in the backup; see entrepot events", out.Damaged)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&b.Copy, "copy", false, "copy content even where it could be linked")
	return cmd
}
