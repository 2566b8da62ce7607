package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// adminHelp stands below the help of commands that administer.
const adminHelp = "\n\nA gateway that runs on the data directory is asked through its socket; when none runs, the store is opened.\n\n" +
	"Exit codes: 0 done; 1 failed; 2 wrong command line; 3 no such thing;\n" +
	"6 it exists already, or its state forbids it."

// output is how commands that administer show results.
type output struct {
	*program
	json bool
}

// flag adds --json to a command and those below it.
func (o *output) flag(cmd *cobra.Command) {
	cmd.PersistentFlags().BoolVar(&o.json, "json", false, "print JSON")
}

// print shows a result: as JSON, or as show writes it for people. A nil show
// says nothing.
func (o *output) print(result any, show func(*table)) error {
	if o.json {
		enc := json.NewEncoder(o.stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(result)
	}
	if show == nil {
		return nil
	}
	t := &table{w: tabwriter.NewWriter(o.stdout, 0, 8, 2, ' ', 0)}
	show(t)
	return t.w.Flush()
}

// table writes lines with aligned columns. Errors surface at Flush.
type table struct{ w *tabwriter.Writer }

// line writes one line; one without text is left out.
func (t *table) line(columns ...string) {
	if text := strings.Join(columns, "\t"); text != "" {
		fmt.Fprintln(t.w, clean(text))
	}
}

// clean keeps control characters, which some names may hold, off the terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' || r == 0x7f {
			return '?'
		}
		return r
	}, text)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
