// Package facts drives a gateway through what a model of names and bodies
// cannot say: versions, large objects, links, items and files in chunks,
// properties, locks of trees, snapshots, depots, passwords, expiry, uploads in
// pieces.
//
// A fact is a short text that the gateway shows, such as "a3,a2,-" for the
// versions of a name, read through another door than the one that the change
// came through. Its book keeps all texts that it may show: one after a change
// that was carried out, the old and the new after a change without an answer.
// What belongs to one step is one fact, so that a step done in part fits
// neither text.
//
// Each subject is one goroutine with containers of its own, and all subjects
// share an account that the checker's other clients do not use.
package facts

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"entrepot/cmd/crashcheck/internal/load"
	"entrepot/cmd/crashcheck/internal/wire"
)

// The user of all subjects; the account has the same name.
const (
	User     = "keeper"
	Password = "keeper-password" //nolint:gosec // of a gateway that lives for seconds, on loopback
)

// Eyes are the clients that a gateway is driven and read with.
type Eyes struct {
	Own   *wire.Client // of User
	Admin *wire.Client
	Salt  func() (string, error) // of the depot API
}

// errUnread tells that a fact could not be read: no answer, or a failure of
// the gateway. It says nothing of the fact.
var errUnread = errors.New("not read")

// A reader reads the text of a fact. errUnread: ask later.
type reader func(ctx context.Context) (string, error)

// A fact is one thing that is shown, and the texts that it may have.
type fact struct {
	name    string
	may     []string // never empty
	read    reader
	late    time.Time // before this it may also show what it showed before
	touched bool      // changed, or perhaps, since Mark
}

// certain returns the text when there is only one.
func (f *fact) certain() (string, bool) { return f.may[0], len(f.may) == 1 }

// apply changes the texts by a step.
func (f *fact) apply(o wire.Outcome, next func(string) []string) {
	var after []string
	for _, text := range f.may {
		after = append(after, next(text)...)
	}
	switch o {
	case wire.OK:
		f.may = after
	case wire.Unknown:
		f.may = append(f.may, after...)
	case wire.Refused:
		return
	}
	f.touched = true
	slices.Sort(f.may)
	f.may = slices.Compact(f.may)
}

// A subject changes facts of one kind.
type subject interface {
	// setup makes containers in a gateway that works.
	setup(ctx context.Context, b *book) error
	// step sends one change and applies its outcome; it may find nothing to do.
	step(ctx context.Context, b *book)
}

// A book is the facts of one subject, and what the subject works with.
type book struct {
	*Eyes
	name   string
	crew   *Crew
	rng    *rand.Rand
	facts  []*fact
	serial int
	gone   bool // the last request had no answer
	of     subject
}

// Crew is all subjects. It lives through several starts of the gateway; its
// methods are called one at a time.
type Crew struct {
	books   []*book
	seed    uint64
	journal *load.Journal
	blind   atomic.Bool

	mu         sync.Mutex
	stats      map[string]map[wire.Outcome]int
	violations []string
}

// New returns a crew that has sent nothing yet.
func New(seed uint64, journal *load.Journal) *Crew {
	c := &Crew{seed: seed, journal: journal, stats: map[string]map[wire.Outcome]int{}}
	for i, s := range []struct {
		name string
		of   subject
	}{
		{"kept", &kept{}}, {"stack", &archived{}}, {"hist", &archived{history: true}}, {"slo", &static{}}, {"dlo", &dynamic{}},
		{"link", &links{}}, {"item", &items{}}, {"chunk", &chunks{}}, {"prop", &props{}}, {"tree", &treeLocks{}},
		{"snap", &snapshots{}}, {"depot", &depots{}}, {"pass", &people{}}, {"due", &expiry{}}, {"piece", &pieces{}},
	} {
		c.books = append(c.books, &book{
			name: s.name, of: s.of, crew: c, rng: rand.New(rand.NewPCG(seed, uint64(i)+0x51ed27)),
		})
	}
	return c
}

// see points all books at the gateway that runs now.
func (c *Crew) see(e Eyes) {
	for _, b := range c.books {
		b.Eyes = &e
	}
}

// Blind tells the crew whether reads may fail, because the disk below cannot
// be read either.
func (c *Crew) Blind(is bool) { c.blind.Store(is) }

// Setup makes the account and the subjects' containers in a gateway that works.
func (c *Crew) Setup(ctx context.Context, e Eyes) error {
	c.see(e)
	if a := e.Admin.Call(ctx, "user.create", map[string]any{
		"account": User, "user": User, "password": Password, "roles": []string{"owner"},
	}, nil); a.Outcome() != wire.OK || a.Err != nil {
		return fmt.Errorf("making the user %s: status %d, %w", User, a.Status, a.Err)
	}
	if err := e.Own.Login(ctx); err != nil {
		return err
	}
	for _, b := range c.books {
		if err := b.of.setup(ctx, b); err != nil {
			return fmt.Errorf("subject %s: %w", b.name, err)
		}
	}
	return nil
}

// Run lets all subjects work until ctx ends or each has made most steps (0: no
// bound). Between its steps each reads one of its facts.
func (c *Crew) Run(ctx context.Context, e Eyes, most int) {
	c.see(e)
	whole := context.WithoutCancel(ctx)
	var done sync.WaitGroup
	for _, b := range c.books {
		done.Go(func() {
			for n := 0; ctx.Err() == nil && (most == 0 || n < most); n++ {
				b.gone = false
				b.of.step(whole, b)
				b.glance(whole)
				if b.gone {
					pause(ctx, 20*time.Millisecond)
				}
				pause(ctx, 5*time.Millisecond) // other clients want to be served as well
			}
		})
	}
	done.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// glance reads one fact under load. It does not narrow it: what a process shows
// after a failed commit need not be what the next one finds.
func (b *book) glance(ctx context.Context) {
	if len(b.facts) == 0 || b.rng.IntN(3) != 0 {
		return
	}
	f := b.facts[b.rng.IntN(len(b.facts))]
	if time.Now().Before(f.late) {
		return
	}
	text, err := f.read(ctx)
	b.crew.count("look", wire.OK)
	switch {
	case errors.Is(err, errUnread):
	case err != nil:
		b.crew.violation("%s %s: %v", b.name, f.name, err)
	case !slices.Contains(f.may, text):
		b.crew.violation("%s %s shows %q; expected %q", b.name, f.name, text, f.may)
	}
}

// Look reads all facts of a gateway that works and reports those that cannot
// be. With settle the facts are narrowed to what was seen. The result tells
// what was seen, for a comparison with another Look.
func (c *Crew) Look(ctx context.Context, e Eyes, settle bool, report func(string, ...any)) map[string]string {
	c.see(e)
	seen := map[string]string{}
	var mu sync.Mutex
	var done sync.WaitGroup
	for _, b := range c.books {
		done.Go(func() {
			for _, f := range b.facts {
				text, ok := b.examine(ctx, f, report)
				if !ok {
					continue
				}
				if settle {
					f.may = []string{text}
				}
				mu.Lock()
				seen[b.name+" "+f.name] = text
				mu.Unlock()
			}
		})
	}
	done.Wait()
	return seen
}

// examine reads one fact, when its time has come.
func (b *book) examine(ctx context.Context, f *fact, report func(string, ...any)) (text string, ok bool) {
	if wait := time.Until(f.late); wait > 0 {
		pause(ctx, wait)
	}
	text, err := f.read(ctx)
	switch {
	case ctx.Err() != nil:
		return "", false
	case err != nil:
		report("%s %s: %v", b.name, f.name, err)
		return "", false
	case !slices.Contains(f.may, text):
		report("%s %s shows %q; expected %q", b.name, f.name, text, f.may)
		return "", false
	}
	return text, true
}

// Mark begins to note anew which facts are touched, and returns what is known
// of all of them now.
func (c *Crew) Mark() map[string][]string {
	known := map[string][]string{}
	for _, b := range c.books {
		for _, f := range b.facts {
			f.touched = false
			known[b.name+" "+f.name] = slices.Clone(f.may)
		}
	}
	return known
}

// Untouched compares what was seen of facts that no step touched since Mark
// with what was known then, and returns how many there were.
func (c *Crew) Untouched(ctx context.Context, e Eyes, known map[string][]string, report func(string, ...any)) (compared int) {
	c.see(e)
	for _, b := range c.books {
		for _, f := range b.facts {
			may, was := known[b.name+" "+f.name]
			if !was || f.touched || time.Now().Before(f.late) {
				continue
			}
			compared++
			if text, err := f.read(ctx); err != nil || !slices.Contains(may, text) {
				report("%s %s shows %q (%v); expected %q", b.name, f.name, text, err, may)
			}
		}
	}
	return compared
}

var bigToken = regexp.MustCompile(`[a-z]+[0-9]+L`)

// Files counts the content files that the facts refer to. All facts must have
// been settled.
func (c *Crew) Files() int {
	all := map[string]bool{}
	for _, b := range c.books {
		for _, f := range b.facts {
			for _, text := range f.may {
				for _, token := range bigToken.FindAllString(text, -1) {
					all[token] = true
				}
			}
		}
	}
	return len(all)
}

// Stats counts the outcomes of each subject's steps so far; "look" counts the
// facts that were read under load.
func (c *Crew) Stats() map[string]map[wire.Outcome]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]map[wire.Outcome]int{}
	for op, counts := range c.stats {
		out[op] = map[wire.Outcome]int{}
		for o, n := range counts {
			out[op][o] = n
		}
	}
	return out
}

// Violations returns what was shown under load that cannot be.
func (c *Crew) Violations() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.violations)
}

func (c *Crew) count(op string, o wire.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stats[op] == nil {
		c.stats[op] = map[wire.Outcome]int{}
	}
	c.stats[op][o]++
}

func (c *Crew) violation(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

// most is how many facts a subject keeps.
const most = 14

// add notes a new fact.
func (b *book) add(name string, read reader, may ...string) *fact {
	f := &fact{name: name, may: may, read: read, touched: true}
	b.facts = append(b.facts, f)
	return f
}

// drop forgets a fact.
func (b *book) drop(f *fact) {
	b.facts = slices.DeleteFunc(b.facts, func(other *fact) bool { return other == f })
}

// any returns one of the facts; false when there are none.
func (b *book) any() (*fact, bool) {
	if len(b.facts) == 0 {
		return nil, false
	}
	return b.facts[b.rng.IntN(len(b.facts))], true
}

// next returns a name that the subject never used.
func (b *book) next() string {
	b.serial++
	return fmt.Sprintf("n%d", b.serial)
}

// judge counts an answer, keeps it in the journal, and notes refusals that no
// sound request ends in. 413 is a disk without room; absences that the facts
// allow are known to the caller.
func (b *book) judge(op, name string, a wire.Answer, allowed ...int) wire.Outcome {
	o := a.Outcome()
	b.crew.count(b.name+" "+op, o)
	b.gone = a.Status == 0
	r := load.Record{Start: time.Now(), Client: -1, Op: b.name + " " + op, Name: name, Status: a.Status, Outcome: o}
	if a.Err != nil {
		r.Error = a.Err.Error()
	}
	b.crew.journal.Add(r)
	if o == wire.Refused && a.Status != 413 && !slices.Contains(allowed, a.Status) {
		b.crew.violation("%s %s of %s was refused with %d: %.300s", b.name, op, name, a.Status, a.Body)
	}
	return o
}

// change sends what changes a fact and applies its outcome.
func (b *book) change(ctx context.Context, op string, f *fact, q wire.Request, next func(string) string, allowed ...int) wire.Answer {
	a := b.Own.Do(ctx, q)
	f.apply(b.judge(op, f.name, a, allowed...), func(old string) []string { return []string{next(old)} })
	return a
}

// container makes a container by Swift, with headers as "Name: value".
func (b *book) container(ctx context.Context, name string, headers ...string) error {
	q := wire.Request{Door: wire.Swift, Method: "PUT", Container: name, Header: map[string]string{}}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		q.Header[k] = v
	}
	if a := b.Own.Do(ctx, q); a.Outcome() != wire.OK {
		return fmt.Errorf("making %s: status %d, %v %.300s", name, a.Status, a.Err, a.Body)
	}
	return nil
}
