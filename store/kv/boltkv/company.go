package boltkv

import "time"

// Writers that wait for their commits come back at once. A commit that began
// with the first of them would leave the others to the one behind it: two
// commits, each with its sync and its pages, for what fits into one. So the
// combiner waits a little for as many writers as there were lately. One that is
// alone is never made to wait. After a wait in vain, as clients cause that do
// something else between their writes, there is none for a number of commits,
// twice as many after the next such. Where very many write, commits are
// shared anyhow, and waiting would leave the processors idle.
const (
	// mostCompany is the largest number of writers that are waited for.
	mostCompany = 32
	// patience is how long is waited at most, for each of them: the work that
	// their requests are besides this engine.
	patience = 100 * time.Microsecond
	// noticed is after how many commits in a row the engine believes that there
	// is company.
	noticed = 4
	// After a wait in vain there is none for firstPause commits, after more of
	// them for lastPause at most.
	firstPause = 16
	lastPause  = 1024
)

// company is what the engine knows of how many write at a time.
type company struct {
	recent [noticed]int // at the last commits: who was in them or waited for the next
	at     int
	pause  int // how long the next one is to be
	paused int // commits that are left of this one
}

// note notes that n writers were there at a commit.
func (c *company) note(n int) {
	c.paused = max(0, c.paused-1)
	c.recent[c.at] = n
	c.at = (c.at + 1) % noticed
}

// waited notes whether a wait was in vain.
func (c *company) waited(vain bool) {
	if !vain {
		c.pause /= 2
		return
	}
	c.pause = min(max(2*c.pause, firstPause), lastPause)
	c.paused = c.pause
}

// expected is how many writers are to be waited for: as many as there were at
// each of the last commits.
func (c *company) expected() int {
	if c.paused > 0 {
		return 0
	}
	n := c.recent[0]
	for _, m := range c.recent {
		n = min(n, m)
	}
	return n
}

// awaitCompany waits, but not long, until as many writers queue as are to be
// expected.
func (e *Engine) awaitCompany() {
	e.mu.Lock()
	want := e.company.expected()
	if want > mostCompany || len(e.queue) >= want || e.closed {
		e.mu.Unlock()
		return
	}
	select {
	case <-e.wake: // for those who queue already
	default:
	}
	e.want = want
	e.mu.Unlock()
	over, stop := e.opt.after(time.Duration(want) * patience)
	defer stop()
	select {
	case <-e.wake:
	case <-over:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.company.waited(len(e.queue) < want)
	e.want = 0
}

// after is time.NewTimer as Options.after wants it.
func after(d time.Duration) (over <-chan time.Time, stop func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
