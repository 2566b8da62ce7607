package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"entrepot/protocols/admin"
)

func (p *program) snapshotCommand() *cobra.Command {
	out := &output{program: p}
	cmd := &cobra.Command{
		Use: "snapshot", Short: "Manage snapshots of spaces",
		Long: "Manage snapshots of spaces: what a space held at a moment, read-only. WebDAV shows them below .zfs/snapshot in the space." + adminHelp,
		Args: noArgs, RunE: needsSubcommand,
	}
	out.flag(cmd)
	cmd.AddCommand(p.snapshotList(out),
		p.snapshotDo("create", admin.MethodSnapshotCreate, "Take a snapshot of a space",
			"Take a snapshot of a space. It costs room only for what is replaced or deleted in the space afterwards."),
		p.snapshotDo("destroy", admin.MethodSnapshotDestroy, "Destroy a snapshot of a space",
			"Destroy a snapshot of a space, for good. The room that only it held comes back in the background. "+
				"A space without snapshots can be deleted and renamed again."))
	return cmd
}

func (p *program) snapshotList(out *output) *cobra.Command {
	return &cobra.Command{
		Use: "list ACCOUNT/SPACE", Short: "List the snapshots of a space", Long: "List the snapshots of a space, oldest first.", Args: oneArg("space"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := spaceArg(args[0])
			if err != nil {
				return err
			}
			list, err := p.allSnapshots(cmd.Context(), name)
			if err != nil {
				return err
			}
			return out.print(list, func(t *table) {
				t.line("SNAPSHOT", "TAKEN", "BY")
				for _, s := range list {
					t.line(s.Name, s.Created.Format(time.DateTime), s.User)
				}
			})
		},
	}
}

// allSnapshots asks for the snapshots of a space, page by page.
func (p *program) allSnapshots(ctx context.Context, name admin.ContainerName) ([]admin.Snapshot, error) {
	all := []admin.Snapshot{}
	for marker := ""; ; {
		var page admin.Snapshots
		if err := p.administer(ctx, admin.MethodSnapshotList, admin.SnapshotPage{ContainerName: name, Marker: marker}, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Snapshots...)
		if marker = page.Marker; marker == "" {
			return all, nil
		}
	}
}

func (p *program) snapshotDo(use, method, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: use + " ACCOUNT/SPACE SNAPSHOT", Short: short, Long: long,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errUsage{errors.New("give one space and one snapshot")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := spaceArg(args[0])
			if err != nil {
				return err
			}
			return p.administer(cmd.Context(), method, admin.SnapshotName{ContainerName: name, Snapshot: args[1]}, nil)
		},
	}
}
