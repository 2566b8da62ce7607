package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"entrepot/protocols/admin"
)

// pageOfCalls is how many lines one request reads.
const pageOfCalls = 1000

// depotLog prints the log of the depot API. It reads the store of this
// machine, over the administrators' socket: the API itself has no such
// command.
func (p *program) depotLog(conn *depotConn) *cobra.Command {
	var since time.Duration
	var user string
	cmd := &cobra.Command{
		Use: "log", Short: "List the calls of the API, oldest first (of this machine's gateway)", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			next := admin.DepotCalls{Limit: pageOfCalls}
			if since > 0 {
				next.After = time.Now().Add(-since)
			}
			calls := []admin.DepotCall{}
			for {
				var page admin.CallsOfDepots
				if err := p.administer(cmd.Context(), admin.MethodDepotCalls, next, &page); err != nil {
					return err
				}
				for _, c := range page.Calls {
					if user == "" || c.User == user {
						calls = append(calls, c)
					}
				}
				if len(page.Calls) < pageOfCalls {
					break
				}
				last := page.Calls[len(page.Calls)-1]
				next.After, next.ID = last.Time, last.ID
			}
			if conn.json {
				return writeJSON(p.stdout, calls)
			}
			return printCalls(p.stdout, calls)
		},
	}
	cmd.Flags().DurationVar(&since, "since", 0, "only the calls of this last time, such as 24h")
	cmd.Flags().StringVar(&user, "user", "", "only the calls about this user")
	return cmd
}

func printCalls(w io.Writer, calls []admin.DepotCall) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "TIME\tADDRESS\tDIALECT\tCOMMAND\tUSER\tDEPOT\tRESULT\tTOOK")
	for _, c := range calls {
		result, depot := "ok", "-"
		if c.Primary != 0 {
			result = strconv.Itoa(c.Primary)
		}
		if c.Secondary != 0 {
			result += fmt.Sprintf(" (%d)", c.Secondary)
		}
		if c.Depot != 0 {
			depot = strconv.FormatUint(c.Depot, 10)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", day(c.Time), c.Address, c.Dialect, cmp.Or(c.Command, "-"),
			cmp.Or(c.User, "-"), depot, result, time.Duration(c.Micros)*time.Microsecond)
	}
	return table.Flush()
}
