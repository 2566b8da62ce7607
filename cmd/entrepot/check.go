package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"entrepot/protocols/admin"
	"entrepot/store"
)

// maintenance carries out the operators' calls that look after an open store.
type maintenance struct{ *opened }

var _ admin.Maintenance = maintenance{}

// Check looks at the pages of the database, at every record, at what it refers
// to and at the files among the blobs.
func (m maintenance) Check(ctx context.Context, c admin.Check) (out admin.Checked, err error) {
	err = m.engine.CheckPages(ctx, func(page uint64, reason string) {
		out.Found++
		out.Note(admin.Finding{Where: fmt.Sprintf("%s, page %d", m.engine.Path(), page), Reason: reason})
	})
	if err != nil {
		return out, err
	}
	torn := out.Found
	report, err := m.store.Check(ctx, store.CheckOptions{
		Content: c.Content, Repair: c.Repair && torn == 0, Rate: c.Rate,
		Found: func(f store.Finding) { out.Note(admin.Finding{Where: f.Where, Reason: f.Reason, Repaired: f.Repaired}) },
	})
	out.Rows, out.Content, out.Bytes, out.Orphans = report.Rows, report.Content, report.Bytes, report.Orphans
	out.Found, out.Repaired = torn+report.Findings, report.Repaired
	if err != nil && ctx.Err() == nil { // the rest cannot be reached behind damaged pages
		out.Found++
		out.Note(admin.Finding{Where: m.engine.Path(), Reason: "the check could not go on: " + err.Error()})
		err = nil
	}
	if err != nil {
		return out, err
	}
	out.Sound = out.Found == out.Repaired
	out.Foreign, err = m.blobs.Foreign(ctx, admin.MaxFindings)
	return out, err
}

// Events lists the newest events.
func (m maintenance) Events(ctx context.Context, e admin.Events) ([]admin.Event, error) {
	list, err := m.store.Events(ctx, e.Limit)
	out := make([]admin.Event, len(list))
	for i, e := range list {
		out[i] = admin.Event{Time: e.Time, Kind: string(e.Kind), Ref: e.Ref, Text: e.Text}
	}
	return out, err
}

func (p *program) checkCommand() *cobra.Command {
	var c admin.Check
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Look for damage in the store",
		Long: "Look at every page of the database, every record and what it refers to, and recount the counters. " +
			"Works beside a running gateway. Exits with 0 where all is sound and with 1 where something is damaged, after listing it.\n\n" +
			"--repair never removes data: it corrects counters and indexes, takes damaged content out of service (it is kept, " +
			"see the operator's guide) and puts content back into service that reads well again (with --content).",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.Rate < 0 {
				return errUsage{fmt.Errorf("--rate is not negative")}
			}
			var out admin.Checked
			if err := p.administer(cmd.Context(), admin.MethodCheck, c, &out); err != nil {
				return err
			}
			return p.printChecked(&out)
		},
	}
	cmd.Flags().BoolVar(&c.Content, "content", false, "read all content and compare its digests")
	cmd.Flags().BoolVar(&c.Repair, "repair", false, "mend what can be mended without removing data")
	cmd.Flags().Int64Var(&c.Rate, "rate", 0, "bytes of content read in a second (default: no bound)")
	return cmd
}

// printChecked prints what a check found; damage that is left is an error.
func (p *program) printChecked(out *admin.Checked) error {
	var b strings.Builder
	for _, f := range out.Findings {
		mark := ""
		if f.Repaired {
			mark = " (repaired)"
		}
		fmt.Fprintf(&b, "%s: %s%s\n", f.Where, f.Reason, mark)
	}
	if rest := out.Found - int64(len(out.Findings)); rest > 0 {
		fmt.Fprintf(&b, "and %d more\n", rest)
	}
	for _, name := range out.Foreign {
		fmt.Fprintf(&b, "%s/%s: not a file of the gateway, left alone\n", blobsName, name)
	}
	fmt.Fprintf(&b, "%d records, %d references to content", out.Rows, out.Content)
	if out.Bytes > 0 {
		fmt.Fprintf(&b, ", %d bytes read", out.Bytes)
	}
	if out.Orphans > 0 {
		fmt.Fprintf(&b, ", %d pieces of content that no record names (entrepot sweep removes them)", out.Orphans)
	}
	fmt.Fprintf(&b, "\n")
	if out.Sound {
		fmt.Fprintf(&b, "sound\n")
	}
	if _, err := p.stdout.Write([]byte(b.String())); err != nil {
		return err
	}
	if !out.Sound {
		return fmt.Errorf("damage found: %d findings, %d repaired", out.Found, out.Repaired)
	}
	return nil
}

func (p *program) eventsCommand() *cobra.Command {
	var e admin.Events
	cmd := &cobra.Command{
		Use:   "events",
		Short: "List what an operator should know, newest first",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if e.Limit < 0 || e.Limit > admin.MaxFindings {
				return errUsage{fmt.Errorf("--limit is 1 to %d", admin.MaxFindings)}
			}
			var list []admin.Event
			if err := p.administer(cmd.Context(), admin.MethodEvents, e, &list); err != nil {
				return err
			}
			w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
			for _, e := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.Time.Format("2006-01-02 15:04:05"), e.Kind, e.Ref, e.Text)
			}
			return w.Flush()
		},
	}
	cmd.Flags().IntVar(&e.Limit, "limit", 100, "how many, at most 1000")
	return cmd
}
