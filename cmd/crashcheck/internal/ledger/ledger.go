// Package ledger keeps the results of runs: a file of JSON lines that only
// grows, so that a series can be stopped, resumed and added up.
package ledger

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"text/tabwriter"

	"entrepot/cmd/crashcheck/internal/faults"
)

// lineLimit is the longest line that is read, in bytes.
const lineLimit = 4 << 20

// A Ledger is an open file of results.
type Ledger struct {
	path string
	done map[string]bool
}

// Open reads the ledger at path, which need not exist yet. A last line that
// was cut off by a crash is left out.
func Open(path string) (*Ledger, []faults.Result, error) {
	l := &Ledger{path: path, done: map[string]bool{}}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	results, err := Read(f)
	for _, r := range results {
		l.done[key(r.Fault, r.Seed)] = true
	}
	return l, results, err
}

// Read reads results. Only the last line may be broken.
func Read(r io.Reader) ([]faults.Result, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, lineLimit)
	var all []faults.Result
	var broken error
	for n := 1; lines.Scan(); n++ {
		if broken != nil {
			return all, broken
		}
		var result faults.Result
		if err := json.Unmarshal(lines.Bytes(), &result); err != nil {
			broken = fmt.Errorf("line %d of the ledger: %w", n, err)
			continue
		}
		all = append(all, result)
	}
	return all, lines.Err()
}

func key(fault string, seed uint64) string { return fmt.Sprintf("%s/%d", fault, seed) }

// Has tells whether a run stands in the ledger.
func (l *Ledger) Has(fault string, seed uint64) bool { return l.done[key(fault, seed)] }

// Add appends a result and syncs it.
func (l *Ledger) Add(r faults.Result) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	l.done[key(r.Fault, r.Seed)] = true
	return errors.Join(err, f.Sync(), f.Close())
}

// A Total adds up the runs of one fault.
type Total struct {
	Fault                string
	Runs, Points, Failed int
	OK, Refused, Unknown int
	Checks, Orphans      int
	Slowest, Seconds     float64
}

// Totals adds up results by fault, in the order of the faults. A seed that was
// run again counts with its last result.
func Totals(results []faults.Result) []Total {
	last := map[string]faults.Result{}
	for _, r := range results {
		last[key(r.Fault, r.Seed)] = r
	}
	by := map[string]*Total{}
	for _, r := range last {
		t := by[r.Fault]
		if t == nil {
			t = &Total{Fault: r.Fault}
			by[r.Fault] = t
		}
		t.add(r)
	}
	var out []Total
	for _, f := range faults.All() {
		if t := by[f.Name]; t != nil {
			out = append(out, *t)
		}
	}
	return out
}

func (t *Total) add(r faults.Result) {
	t.Runs++
	t.Points += r.Points
	if !r.Passed() {
		t.Failed++
	}
	t.OK += r.Outcomes["ok"]
	t.Refused += r.Outcomes["refused"]
	t.Unknown += r.Outcomes["unknown"]
	t.Checks += r.Checks
	t.Orphans += r.Orphans
	t.Slowest = max(t.Slowest, r.Slowest)
	t.Seconds += r.Seconds
}

// WriteTable prints totals for people; the columns are those of
// docs/reliability.md.
func WriteTable(w io.Writer, totals []Total) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "fault\truns\tfault points\tfailed runs\tok\trefused\tunknown\tinspections\tfiles to sweep\tslowest start s\ttime s\t")
	sum := Total{Fault: "all"}
	row := func(x Total) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.2f\t%.0f\t\n", x.Fault, x.Runs, x.Points, x.Failed,
			x.OK, x.Refused, x.Unknown, x.Checks, x.Orphans, x.Slowest, x.Seconds)
	}
	for _, x := range totals {
		row(x)
		sum.Runs, sum.Points, sum.Failed = sum.Runs+x.Runs, sum.Points+x.Points, sum.Failed+x.Failed
		sum.OK, sum.Refused, sum.Unknown = sum.OK+x.OK, sum.Refused+x.Refused, sum.Unknown+x.Unknown
		sum.Checks, sum.Orphans = sum.Checks+x.Checks, sum.Orphans+x.Orphans
		sum.Slowest, sum.Seconds = max(sum.Slowest, x.Slowest), sum.Seconds+x.Seconds
	}
	row(sum)
	return t.Flush()
}
