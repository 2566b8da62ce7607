package admin

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"entrepot/gateway/errs"
)

// Methods that look after the store.
const (
	MethodCheck  = "store.check"
	MethodSweep  = "store.sweep"
	MethodBackup = "store.backup"
	MethodEvents = "store.events"

	// MethodAddress takes no parameters and tells where the doors are.
	MethodAddress = "store.address"
)

// MaxFindings is how many findings, orphans or events one answer holds.
const MaxFindings = 1000

// maxFindingText bounds the texts of a finding, in bytes, so that an answer
// stays below what a Client reads.
const maxFindingText = 1 << 10

// Check is what store.check takes.
type Check struct {
	Content bool  `json:"content,omitempty"` // read all content
	Repair  bool  `json:"repair,omitempty"`
	Rate    int64 `json:"rate,omitempty"` // bytes of content a second; 0: no bound
}

// A Finding is one thing that a check found wrong.
type Finding struct {
	Where    string `json:"where"`
	Reason   string `json:"reason"`
	Repaired bool   `json:"repaired,omitempty"`
}

// Checked is the answer of store.check.
type Checked struct {
	Sound    bool      `json:"sound"`
	Rows     int64     `json:"rows"`
	Content  int64     `json:"content"`
	Bytes    int64     `json:"bytes"` // of content read
	Found    int64     `json:"found"`
	Repaired int64     `json:"repaired"`
	Orphans  int64     `json:"orphans"`
	Findings []Finding `json:"findings,omitempty"` // the first MaxFindings
	Foreign  []string  `json:"foreign,omitempty"`  // files among the blobs that are not the gateway's
}

// Note adds a finding, as far as there is room.
func (c *Checked) Note(f Finding) {
	if len(c.Findings) < MaxFindings {
		f.Where, f.Reason = clip(f.Where), clip(f.Reason)
		c.Findings = append(c.Findings, f)
	}
}

func clip(s string) string {
	if len(s) > maxFindingText {
		return s[:maxFindingText] + "…"
	}
	return s
}

// Sweep is what store.sweep takes.
type Sweep struct {
	Grace  int64 `json:"grace"` // seconds
	DryRun bool  `json:"dry_run,omitempty"`
}

// Swept is the answer of store.sweep.
type Swept struct {
	Content int64    `json:"content"` // pieces looked at
	Found   int64    `json:"found"`
	Removed int64    `json:"removed"`
	Orphans []string `json:"orphans,omitempty"` // the first MaxFindings
}

// Backup is what store.backup takes: a directory of the machine that the
// gateway runs on.
type Backup struct {
	Directory string `json:"directory"`      // absolute
	Copy      bool   `json:"copy,omitempty"` // even where content could be linked
}

// BackedUp is the answer of store.backup.
type BackedUp struct {
	Created  time.Time `json:"created"`
	Database int64     `json:"database"` // bytes
	Content  int64     `json:"content"`  // pieces in files
	Bytes    int64     `json:"bytes"`    // of these
	Linked   int64     `json:"linked"`
	Copied   int64     `json:"copied"`
	Kept     int64     `json:"kept"`
	Damaged  int64     `json:"damaged"`
	Pruned   int64     `json:"pruned"`
}

// Events is what store.events takes.
type Events struct {
	Limit int `json:"limit,omitempty"` // 1 to MaxFindings; 0: MaxFindings
}

// An Event is something that an operator should know.
type Event struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"`
	Ref  string    `json:"ref"`
	Text string    `json:"text"`
}

// Address is the answer of store.address.
type Address struct {
	URL string `json:"url"` // scheme, host and port; "": nothing listens
}

// Maintenance looks after the store. It is safe for concurrent use; its calls
// may take as long as reading the store takes, and end with their context.
type Maintenance interface {
	// Check looks for damage. What it finds is no error.
	Check(ctx context.Context, c Check) (Checked, error)
	// Sweep removes content that no record names.
	Sweep(ctx context.Context, s Sweep) (Swept, error)
	// Backup writes a backup, or brings one up to date.
	Backup(ctx context.Context, b Backup) (BackedUp, error)
	// Events lists the newest events, newest first.
	Events(ctx context.Context, e Events) ([]Event, error)
}

// addMaintenance adds the methods that look after the store: for the machine
// itself only.
func addMaintenance(t map[string]method) {
	for name, run := range map[string]runner{
		MethodCheck: with(func(f *Face, ctx context.Context, p Check) (Checked, error) {
			if p.Rate < 0 {
				return Checked{}, badCall(codeParams, "rate is not negative")
			}
			return tell(f.deps.Maintenance.Check(ctx, p))
		}),
		MethodSweep: with(func(f *Face, ctx context.Context, p Sweep) (Swept, error) {
			if p.Grace < 0 {
				return Swept{}, badCall(codeParams, "grace is not negative")
			}
			return tell(f.deps.Maintenance.Sweep(ctx, p))
		}),
		MethodBackup: with(func(f *Face, ctx context.Context, p Backup) (BackedUp, error) {
			if !filepath.IsAbs(p.Directory) {
				return BackedUp{}, badCall(codeParams, "directory is an absolute path")
			}
			return tell(f.deps.Maintenance.Backup(ctx, p))
		}),
		MethodEvents: with(func(f *Face, ctx context.Context, p Events) ([]Event, error) {
			if p.Limit < 0 || p.Limit > MaxFindings {
				return nil, badCall(codeParams, "limit is 1 to 1000")
			}
			if p.Limit == 0 {
				p.Limit = MaxFindings
			}
			return tell(f.deps.Maintenance.Events(ctx, p))
		}),
		MethodAddress: with(func(f *Face, _ context.Context, _ struct{}) (Address, error) {
			return Address{URL: f.deps.Address}, nil
		}),
	} {
		t[name] = method{run: run, may: managers, local: true}
	}
}

func tell[R any](result R, err error) (R, error) { return result, told(err) }

// told shows an operator the cause of a failure: whoever reaches this face may
// read the store's files anyway.
func told(err error) error {
	if err == nil || errs.TextOf(err) != "" {
		return err
	}
	if bad := (*Failure)(nil); errors.As(err, &bad) {
		return err
	}
	return &errs.Error{Op: "admin.maintain", Kind: errs.Of(err), Reason: errs.ReasonOf(err), Text: err.Error(), Err: err}
}
