package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"entrepot/cmd/crashcheck/internal/process"
	"entrepot/cmd/crashcheck/internal/wire"
)

// Config is what all runs share.
type Config struct {
	Binary  string // the gateway's program
	Work    string // directory for data, logs and journals
	Clients int    // at most 64
	Keep    bool   // keep the directories of runs that passed
	Note    func(format string, args ...any)

	StartLimit time.Duration // how long a start may take; 0: process.StartLimit
}

// A Result is the outcome of one run.
type Result struct {
	Fault      string         `json:"fault"`
	Seed       uint64         `json:"seed"`
	Variant    string         `json:"variant"`
	Points     int            `json:"points"` // faults that were really met
	Violations []string       `json:"violations,omitempty"`
	Remarks    []string       `json:"remarks,omitempty"` // what differs from a rule and loses nothing
	Outcomes   map[string]int `json:"outcomes"`          // of requests: ok, refused, unknown
	Orphans    int            `json:"orphans"`           // content files that wait for the sweeper
	Checks     int            `json:"checks"`            // inspections of the whole gateway
	Slowest    float64        `json:"slowest"`           // start after a fault, seconds
	Seconds    float64        `json:"seconds"`
	Dir        string         `json:"dir,omitempty"` // kept, for a run that failed
	At         time.Time      `json:"at"`
}

// Passed tells whether nothing was wrong.
func (r Result) Passed() bool { return len(r.Violations) == 0 }

// A Fault is one kind of fault.
type Fault struct {
	Name  string
	About string
	// Control marks a fault that must be found: its runs fail when they find
	// nothing.
	Control bool
	// Usable tells why the fault cannot be made here, nil when it can.
	Usable func() error
	run    func(*bench, context.Context) error
}

// All returns the faults in the order of their names.
func All() []Fault {
	return []Fault{
		{Name: "C1", About: "kill -9 at a random moment under load", Usable: always, run: (*bench).killAtRandom},
		{Name: "C2", About: "kill -9 at the Nth system call of a kind", Usable: process.CanTrace, run: (*bench).killAtCall},
		{Name: "C3", About: "EIO at the Nth system call, once or from then on", Usable: process.CanTrace, run: (*bench).failCall},
		{Name: "C4", About: "disk full: to the floor, to the last block, and ENOSPC at a call", Usable: canVolume, run: (*bench).fillDisk},
		{Name: "C5", About: "the file system turns read-only under load, and back", Usable: canVolume, run: (*bench).turnReadOnly},
		{Name: "C6", About: "power loss on a disk with a volatile cache", Usable: canCut, run: (*bench).cutPower},
		{Name: "C7f", About: "control of C6: syncs of files do nothing", Control: true, Usable: canCutAndTrace, run: (*bench).withoutFileSync},
		{Name: "C7d", About: "control of C6: syncs of directories do nothing", Control: true, Usable: canCutAndTrace, run: (*bench).withoutDirectorySync},
		{Name: "C14", About: "backups under load, restored elsewhere", Usable: always, run: (*bench).backUp},
		{Name: "C17", About: "kill -9 within the first second of the first start", Usable: process.CanTrace, run: (*bench).killFirstStart},
	}
}

// Named finds faults by their names; "C7" stands for both of its kinds.
func Named(names []string) ([]Fault, error) {
	var out []Fault
	for _, name := range names {
		before := len(out)
		for _, f := range All() {
			if strings.EqualFold(f.Name, name) || strings.EqualFold(strings.TrimRight(f.Name, "fd"), name) {
				out = append(out, f)
			}
		}
		if len(out) == before {
			return nil, fmt.Errorf("there is no fault %q", name)
		}
	}
	return out, nil
}

func always() error { return nil }

// Run makes one run. The error tells that the test could not be made; what the
// gateway did wrong stands in the result.
func (f Fault) Run(ctx context.Context, cfg Config, seed uint64) (Result, error) {
	start := time.Now()
	b, err := newBench(cfg, f.Name, seed)
	if err != nil {
		return Result{}, err
	}
	err = errors.Join(f.run(b, ctx), b.close(context.WithoutCancel(ctx)))
	r := b.result
	r.Fault, r.Seed, r.At = f.Name, seed, start.UTC().Truncate(time.Second)
	r.Violations = slices.Concat(b.report.All(), b.fleet.Violations(), b.crew.Violations())
	if f.Control {
		r.Violations = b.judgeControl(r.Violations)
	}
	r.Outcomes = map[string]int{}
	for _, stats := range []map[string]map[wire.Outcome]int{b.fleet.Stats(), b.crew.Stats()} {
		for _, counts := range stats {
			for o, n := range counts {
				r.Outcomes[string(o)] += n
			}
		}
	}
	r.Seconds = time.Since(start).Seconds()
	if err != nil {
		return r, fmt.Errorf("%s seed %d: %w (left in %s)", f.Name, seed, err, b.dir)
	}
	if r.Passed() && !cfg.Keep {
		return r, os.RemoveAll(b.dir)
	}
	r.Dir = b.dir
	return r, nil
}

// judgeControl turns the verdict of a control around.
func (b *bench) judgeControl(found []string) []string {
	if len(found) == 0 {
		return []string{"the control found nothing: " + b.result.Variant}
	}
	b.cfg.Note("control: found %q and %d more", found[0], len(found)-1)
	return nil
}

// random returns the run's random numbers for one purpose.
func random(seed uint64, purpose string) *rand.Rand {
	h := uint64(14695981039346656037)
	for _, c := range []byte(purpose) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, h))
}

// scratchOf makes the directories of one run.
func scratchOf(work, fault string, seed uint64) (string, error) {
	dir := filepath.Join(work, fmt.Sprintf("%s-%d", fault, seed))
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(filepath.Join(dir, "scratch"), 0o700)
}
