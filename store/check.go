package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"entrepot/store/blob"
	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// CheckOptions say what Check looks at.
type CheckOptions struct {
	Content bool  // read all content and compare its digests
	Repair  bool  // mend what can be mended without losing anything
	Rate    int64 // bytes of content read in a second; 0: no bound
	// Found is told of each finding as it is made; nil: nobody is.
	Found func(Finding)
}

// A Finding is one thing that is wrong.
type Finding struct {
	Where    string // table and row, or content
	Reason   string
	Repaired bool
}

// A CheckReport sums a check up. A store is sound when it has no findings that
// were not repaired.
type CheckReport struct {
	Rows     int64 // records that were decoded
	Content  int64 // references to content that were followed
	Bytes    int64 // content that was read
	Findings int64
	Repaired int64 // of the findings
	Orphans  int64 // content that no record names: not damage, see Sweep
	Duration time.Duration
}

// Sound tells that nothing wrong is left.
func (r CheckReport) Sound() bool { return r.Findings == r.Repaired }

// Check reads every record and looks whether it decodes, whether what it
// refers to exists and whether the counters are right. It works beside
// writers: what belongs together is read on one snapshot, page by page; the
// counters of a container, an account or a depot are compared on one snapshot
// each, which lives as long as the recount.
//
// Repair recounts counters, writes the rows of indexes that are missing,
// removes the rows of indexes that point nowhere, puts damaged content into
// quarantine and takes out what reads well again. Data is never removed.
//
// The error is that of a check that could not go on; what it found until then
// was told to Found.
func (s *Store) Check(ctx context.Context, opt CheckOptions) (report CheckReport, err error) {
	begin := s.Now()
	c := &checker{Store: s, opt: opt, report: &report, shared: make(map[blob.ID]bool), pace: &pace{rate: opt.Rate}}
	defer func() { report.Duration = s.Now().Time().Sub(begin.Time()) }()
	for _, t := range Tables() {
		if err := c.table(ctx, t); err != nil {
			return report, err
		}
	}
	for _, part := range []func(context.Context) error{c.owners, c.containers, c.accounts, c.depots, c.orphans} {
		if err := part(ctx); err != nil {
			return report, err
		}
	}
	if report.Repaired > 0 {
		s.raise(ctx, EventRepair, "check at "+begin.Time().Format(time.RFC3339),
			fmt.Sprintf("a check repaired %d of %d findings", report.Repaired, report.Findings))
	}
	return report, nil
}

// checker is one Check on its way.
type checker struct {
	*Store
	opt    CheckOptions
	report *CheckReport
	shared map[blob.ID]bool // shared content that was followed already
	pace   *pace
}

// found reports a finding.
func (c *checker) found(f Finding) {
	c.report.Findings++
	if f.Repaired {
		c.report.Repaired++
	}
	if c.opt.Found != nil {
		c.opt.Found(f)
	}
}

// A need is a row that a record calls for.
type need struct {
	key    kv.Key
	ok     func(value []byte) bool // of a row that is there; nil: any value
	reason string                  // of the finding when it is not so

	put   func() []byte // the value of a missing row that is derived from this one; nil: it is data
	drop  bool          // this row is derived from the missing one and may go
	locks []Guard
}

// A suspect is a row with a need that is not met.
type suspect struct {
	row, value []byte
	need       need
}

// table checks the rows of one table, a page at a time.
func (c *checker) table(ctx context.Context, t kv.Table) error {
	r := kv.Range{Table: t}
	for more := true; more; {
		var suspects []suspect
		var refs []claim
		err := c.engine.View(ctx, func(v kv.Reader) (err error) {
			r.From, more, err = step(v, r, func(v kv.Reader, items []kv.Item) error {
				c.report.Rows += int64(len(items))
				suspects, refs, err = c.page(v, t, items)
				return err
			})
			return err
		})
		if err != nil {
			return fmt.Errorf("store: table %d (%s) behind row %x cannot be read: %w", t, tableName(t), r.From, err)
		}
		if err := c.settle(ctx, t, suspects); err != nil {
			return err
		}
		if err := c.follow(ctx, t, refs); err != nil {
			return err
		}
	}
	return nil
}

// page decodes rows and looks up what they need, on one snapshot.
func (c *checker) page(v kv.Reader, t kv.Table, items []kv.Item) (list []suspect, refs []claim, err error) {
	var keys []kv.Key
	var asked []suspect
	for _, item := range items {
		needs, err := c.needs(t, item.Row, item.Value)
		if err != nil {
			c.found(Finding{Where: describe(t, item.Row), Reason: err.Error()})
			continue
		}
		for _, n := range needs {
			keys = append(keys, n.key)
			asked = append(asked, suspect{row: item.Row, value: item.Value, need: n})
		}
	}
	rows, err := v.Get(keys...)
	if err != nil {
		return nil, nil, err
	}
	for i, a := range asked {
		if rows[i] != nil && (a.need.ok == nil || a.need.ok(rows[i])) {
			continue
		}
		if gone, err := reaping(v, a.need.key); err != nil {
			return nil, nil, err
		} else if gone {
			continue
		}
		a.row, a.value = bytes.Clone(a.row), bytes.Clone(a.value)
		list = append(list, a)
	}
	if t == tableObjects || t == tableHistory || t == tableVersions {
		refs, err = c.references(v, t, items)
	}
	return list, refs, err
}

// reaping tells whether a key is that of a container that was deleted and
// whose rows are still being removed.
func reaping(v kv.Reader, k kv.Key) (bool, error) {
	if k.Table != tableContainers {
		return false, nil
	}
	r := kv.Range{Table: tableQueue, From: []byte{queueReap}, To: []byte{queueReap + 1}, KeysOnly: true}
	found := false
	err := allPages(v, r, func(_ kv.Reader, items []kv.Item) error {
		for _, item := range items {
			found = found || len(item.Row) == 17 && bytes.Equal(item.Row[9:], k.Row)
		}
		return nil
	})
	return found, err
}

// settle reports suspects, after mending them where that is allowed.
func (c *checker) settle(ctx context.Context, t kv.Table, list []suspect) error {
	for _, s := range list {
		f := Finding{Where: describe(t, s.row), Reason: s.need.reason}
		if c.opt.Repair && (s.need.put != nil || s.need.drop) {
			var err error
			if f.Repaired, err = c.mend(ctx, kv.Key{Table: t, Row: s.row}, &s); err != nil {
				return err
			}
		}
		c.found(f)
	}
	return nil
}

// mend writes the row that is missing, or removes the row that points nowhere,
// if everything is still as it was found.
func (c *checker) mend(ctx context.Context, own kv.Key, s *suspect) (done bool, err error) {
	err = c.engine.Update(ctx, mergeGuards(s.need.locks), func(tx kv.Tx) error {
		done = false
		rows, err := tx.Get(own, s.need.key)
		if err != nil || rows[0] == nil || !bytes.Equal(rows[0], s.value) {
			return err
		}
		if rows[1] != nil && (s.need.ok == nil || s.need.ok(rows[1])) {
			return nil
		}
		if s.need.put != nil {
			tx.Put(s.need.key, s.need.put())
		} else {
			tx.Delete(own)
		}
		done = true
		return nil
	})
	return done, fail("store.Check", err)
}

// orphans counts content that no record names.
func (c *checker) orphans(ctx context.Context) error {
	report, err := c.Sweep(ctx, SweepOptions{DryRun: true})
	if errors.Is(err, record.ErrCorrupt) {
		return nil // the record was found above; orphans cannot be told before it is mended
	}
	c.report.Orphans = report.Found
	return err
}

// describe names a row in words.
func describe(t kv.Table, row []byte) string {
	name := tableName(t)
	switch t {
	case tableParts:
		if len(row) == 24 {
			return fmt.Sprintf("%s: list %x, byte %d", name, row[:16], beID(row[16:]))
		}
	case tableObjects, tableHistory, tableVersions, tableLocks, tableProps, tablePastProps, tableSnapshots:
		if len(row) > 8 {
			return fmt.Sprintf("%s: container %d, %q", name, beID(row), row[8:])
		}
	case tableContainers, tableDepots:
		if len(row) == 8 {
			return fmt.Sprintf("%s: %d", name, beID(row))
		}
	case tableAccounts, tableUsers, tableUserOf, tableNames, tableMeta:
		return fmt.Sprintf("%s: %q", name, row)
	}
	return fmt.Sprintf("%s: row %x", name, row)
}
