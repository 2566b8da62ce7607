package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
)

// What commands print that make or find one thing.
type (
	newDepot struct {
		ID       string `json:"depotid"`
		Document string `json:"depotdocument,omitempty"`
	}
	newSpace struct {
		ID string `json:"spaceid"`
	}
	documentText struct {
		Text string `json:"depotdocument"`
	}
	hostText struct {
		URL string `json:"hosturl"`
	}
)

// printDepots prints a result for people: tables with sizes in units, or the
// one thing that a script would want.
func printDepots(w io.Writer, result any) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	switch r := result.(type) {
	case []depotRow:
		fmt.Fprintln(table, "DEPOT\tOWNER\tSTATE\tUSED\tLIMIT\tTRAFFIC\tLIMIT\tCONTRACT\tUSERS\tMADE")
		for _, d := range r {
			id := d.ID
			if d.Default {
				id += " (default)"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", id, d.Owner, d.Status, size(d.Used), size(d.Limit),
				size(d.Traffic), size(d.TrafficLimit), orDash(d.Contract), orDash(strings.Join(d.Users, ",")), day(d.Created))
		}
	case []spaceRow:
		fmt.Fprintln(table, "SPACE\tDEPOT\tNAME\tOWNER\tSTATE\tUSED\tTRAFFIC\tMADE")
		for _, s := range r {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Depot, orDash(s.Name), s.Owner, s.Status, size(s.Used), size(s.Traffic), day(s.Created))
		}
	case []entryRow:
		fmt.Fprintln(table, "NO\tTIME\tCOMMAND\tLIMIT\tTRAFFIC LIMIT\tNOTE")
		for _, e := range r {
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", e.Seq, day(e.Time), e.Command, change(e.OldLimit, e.NewLimit),
				change(e.OldTraffic, e.NewTraffic), orDash(e.Note))
		}
	case []string:
		fmt.Fprintln(table, strings.Join(r, "\n"))
	case newDepot:
		fmt.Fprintln(table, r.ID)
	case newSpace:
		fmt.Fprintln(table, r.ID)
	case documentText:
		fmt.Fprintln(table, r.Text)
	case hostText:
		fmt.Fprintln(table, r.URL)
	}
	return table.Flush()
}

// size shows bytes; no limit is a dash.
func size(n int64) string {
	if n == math.MaxInt64 {
		return "-"
	}
	return humanize.IBytes(uint64(max(0, n)))
}

// change shows a limit before and after.
func change(from, to int64) string {
	switch {
	case from == to && from == 0:
		return "-"
	case from == to:
		return size(from)
	}
	return size(from) + " -> " + size(to)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
