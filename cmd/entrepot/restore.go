package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"entrepot/protocols/admin"
	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/dirblob"
)

func (p *program) restoreCommand() *cobra.Command {
	var skip bool
	cmd := &cobra.Command{
		Use:   "restore DIRECTORY --data NEW",
		Short: "Bring a backup back into an empty data directory",
		Long: "Restore the backup in a directory, comparing everything with its digests, and check the outcome. The data " +
			"directory must be missing or empty. Secrets are made new at the first start, unless you bring your own.",
		Args: oneArg("directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, _, err := p.load()
			if err != nil {
				return errUsage{err}
			}
			lost := func(id blob.ID, err error) { fmt.Fprintf(p.stderr, "content %s: %v\n", id, err) }
			if !skip {
				lost = nil
			}
			r, err := restore(cmd.Context(), args[0], c.Data, lost)
			if err != nil {
				return err
			}
			fmt.Fprintf(p.stdout, "restored the backup of %s: %d files of content, %d bytes\n",
				r.Created.Format("2006-01-02 15:04:05 MST"), r.Content, r.Bytes)
			if r.Damaged > 0 {
				fmt.Fprintf(p.stdout, "%d pieces of content are damaged in the backup and are missing\n", r.Damaged)
			}
			var out admin.Checked
			if err := p.administer(cmd.Context(), admin.MethodCheck, admin.Check{}, &out); err != nil {
				return err
			}
			return p.printChecked(&out)
		},
	}
	cmd.Flags().BoolVar(&skip, "skip-damaged", false, "restore the rest where content in the backup is damaged")
	return cmd
}

// restore brings the backup in a directory into an empty data directory.
func restore(ctx context.Context, backup, data string, lost func(blob.ID, error)) (report store.RestoreReport, err error) {
	entries, err := os.ReadDir(data)
	switch {
	case err == nil && len(entries) > 0:
		return report, fmt.Errorf("%s is not empty: restore into a new directory", data)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return report, err
	}
	root, err := os.OpenRoot(filepath.Join(backup, blobsName))
	if err != nil {
		return report, fmt.Errorf("%s holds no backup: %w", backup, err)
	}
	defer root.Close()
	if err := os.MkdirAll(data, 0o700); err != nil {
		return report, err
	}
	target, err := dirblob.Open(filepath.Join(data, blobsName), dirblob.Options{})
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	return store.Restore(ctx, backup, store.RestoreTarget{
		Database: filepath.Join(data, databaseName), Blobs: target, Lost: lost,
		Open: func(_ context.Context, id blob.ID) (io.ReadCloser, error) { return dirblob.OpenFile(root, id) },
	})
}
