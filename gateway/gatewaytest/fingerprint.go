package gatewaytest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"entrepot/store"
	"entrepot/store/kv"
)

// Fingerprint is a digest of everything that is stored but what background
// work writes on its own: its queue, daily samples, the traffic written down
// now and then, what is counted about logins, the logs of administrators and of
// the depot API, and the clock. Where it is another than that of the call
// before, the rows that differ are logged. Not for concurrent use.
func (f *Fixture) Fingerprint() [32]byte {
	f.tb.Helper()
	f.Store.Drain(f.tb.Context())
	var rows []string
	err := f.engine.View(f.tb.Context(), func(r kv.Reader) (err error) {
		rows, err = judged(r)
		return err
	})
	if err != nil {
		f.tb.Fatal(err)
	}
	f.logChanges(rows)
	return sha256.Sum256([]byte(strings.Join(rows, "")))
}

// judged lists the rows that count for a fingerprint.
func judged(r kv.Reader) (rows []string, err error) {
	const counters = 14
	background := map[kv.Table]bool{1: true, 15: true, 32: true, 33: true, 40: true, 57: true, 75: true}
	traffic := map[store.CounterKind]bool{store.CountContainerTraffic: true, store.CountDepotTraffic: true}
	for _, table := range store.Tables() {
		if background[table] {
			continue
		}
		next := kv.Range{Table: table}
		for more := true; more; more = next.From != nil {
			page, err := r.Scan(next, 1000)
			if err != nil {
				return nil, err
			}
			for _, item := range page.Items {
				if table == counters && traffic[store.CounterKind(item.Row[0])] {
					continue
				}
				rows = append(rows, fmt.Sprintf("%d %q %q\n", table, item.Row, item.Value))
			}
			next.From = slices.Clone(page.Next)
		}
	}
	return rows, nil
}

// logChanges logs, up to a bound, which rows differ from those of the
// fingerprint before.
func (f *Fixture) logChanges(rows []string) {
	f.tb.Helper()
	const most = 20
	before := f.seen
	f.seen = rows
	if before == nil {
		return
	}
	var changes []string
	for sign, lists := range map[string][2][]string{"-": {before, rows}, "+": {rows, before}} {
		other := make(map[string]bool, len(lists[1]))
		for _, row := range lists[1] {
			other[row] = true
		}
		for _, row := range lists[0] {
			if !other[row] {
				changes = append(changes, sign+row)
			}
		}
	}
	if len(changes) > 0 {
		slices.Sort(changes)
		f.tb.Logf("since the last fingerprint %d rows changed:\n%s", len(changes), strings.Join(changes[:min(most, len(changes))], ""))
	}
}
