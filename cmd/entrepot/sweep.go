package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"entrepot/protocols/admin"
	"entrepot/store"
)

// Sweep removes content that no record names.
func (m maintenance) Sweep(ctx context.Context, s admin.Sweep) (admin.Swept, error) {
	report, err := m.store.Sweep(ctx, store.SweepOptions{Grace: time.Duration(s.Grace) * time.Second, DryRun: s.DryRun})
	out := admin.Swept{Content: report.Content, Found: report.Found, Removed: report.Removed}
	for _, o := range report.Orphans {
		where := "file"
		switch {
		case o.Inline:
			where = "database"
		case o.Parts:
			where = "list of parts"
		}
		out.Orphans = append(out.Orphans, fmt.Sprintf("%s (%s, met first %s)", o.Blob, where, o.Since.Format(time.DateTime)))
	}
	return out, err
}

func (p *program) sweepCommand() *cobra.Command {
	var grace time.Duration
	var dry bool
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Remove content that no record names",
		Long: "Look for content that no record names, which crashes leave behind, and remove what an earlier sweep met " +
			"a grace period ago. The gateway does so itself once a day.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if grace < 0 {
				return errUsage{errors.New("--grace is not negative")}
			}
			var out admin.Swept
			err := p.administer(cmd.Context(), admin.MethodSweep, admin.Sweep{Grace: int64(grace / time.Second), DryRun: dry}, &out)
			if err != nil {
				return err
			}
			for _, o := range out.Orphans {
				fmt.Fprintln(p.stdout, o)
			}
			_, err = fmt.Fprintf(p.stdout, "%d pieces of content, %d without a record, %d removed\n", out.Content, out.Found, out.Removed)
			return err
		},
	}
	cmd.Flags().DurationVar(&grace, "grace", store.DefaultGrace, "how long content must have been without a record; 0 removes at once")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only list")
	return cmd
}
