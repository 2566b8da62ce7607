package gateway

import (
	"context"
	"io"
	"sync"
	"time"

	"entrepot/gateway/errs"
	"entrepot/store"
)

const (
	// jobEvery is how often it is looked for jobs that are due.
	jobEvery = time.Minute
	// jobLease is how long a job that was taken up is hidden from others; who
	// works on it renews that.
	jobLease = 10 * time.Minute
	// jobAttempts is how often a job is tried before it is given up.
	jobAttempts = 5
	// jobPause is the wait after the first failure; it grows with each.
	jobPause = 30 * time.Second
)

// jobs does what is queued for the background, one job of each kind at a time.
type jobs struct {
	core    *core
	stop    context.CancelFunc
	wake    chan struct{}
	done    sync.WaitGroup
	busy    sync.Mutex  // held by who does jobs
	planned store.Stamp // when comparisons were planned last; of the goroutine
}

func startJobs(ctx context.Context, c *core) *jobs {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	j := &jobs{core: c, stop: cancel, wake: make(chan struct{}, 1)}
	j.done.Go(func() {
		ticker := time.NewTicker(jobEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if err := j.schedule(ctx); err != nil && ctx.Err() == nil {
					c.cfg.Logger.WarnContext(ctx, "planning comparisons", "err", err)
				}
			case <-j.wake:
			}
			if err := j.run(ctx); err != nil && ctx.Err() == nil {
				c.cfg.Logger.WarnContext(ctx, "work in the background", "err", err)
			}
		}
	})
	return j
}

// hurry has new jobs looked for soon.
func (j *jobs) hurry() {
	select {
	case j.wake <- struct{}{}:
	default: // it is going to be
	}
}

// close ends the work; what is under way is taken up again at the next start.
func (j *jobs) close() {
	j.stop()
	j.done.Wait()
}

// run does all jobs that are due.
func (j *jobs) run(ctx context.Context) error {
	j.busy.Lock()
	defer j.busy.Unlock()
	for _, kind := range store.JobKinds() {
		for {
			job, found, err := j.core.store.TakeJob(ctx, kind, jobLease)
			if err != nil {
				return err
			}
			if !found {
				break
			}
			if err := j.do(ctx, &job); err != nil {
				return err
			}
		}
	}
	return nil
}

// do does one job and decides what becomes of it.
func (j *jobs) do(ctx context.Context, job *store.Job) error {
	var err error
	s := &Spaces{j.core}
	switch job.Kind {
	case store.JobManifest:
		err = s.writeManifest(ctx, job)
	case store.JobVerify:
		err = s.verify(ctx, job)
	case store.JobRestore:
		err = s.goOnRestoring(ctx, job)
	case store.JobExpire:
		err = s.expireRestored(ctx, job)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil, errs.Of(err) == errs.NotFound, job.Attempts >= jobAttempts:
		if err != nil {
			j.core.cfg.Logger.WarnContext(ctx, "work in the background was given up", "job", job.Name, "err", err)
		}
		return j.core.store.EndJob(ctx, job)
	}
	j.core.cfg.Logger.WarnContext(ctx, "work in the background failed", "job", job.Name, "err", err)
	job.Attempts++
	return j.core.store.HoldJob(ctx, job, jobPause*time.Duration(job.Attempts))
}

// DoJobs does what is queued for the background and is due, for tests and
// tools; the gateway does it by itself.
func (g *Gateway) DoJobs(ctx context.Context) error { return g.core.jobs.run(ctx) }

// renewed calls emit after it made sure, every so often, that the job is still
// its own.
func (c *core) renewed(ctx context.Context, job *store.Job) func() error {
	last := c.now()
	return func() error {
		now := c.now()
		if now.Time().Sub(last.Time()) < jobLease/4 {
			return ctx.Err()
		}
		last = now
		return c.store.HoldJob(ctx, job, jobLease)
	}
}

// writeObject stores what write writes as an object, as the gateway's own
// work for user.
func (c *core) writeObject(ctx context.Context, to Ref, user string, opt PutOptions, write func(io.Writer) error) error {
	ctx = asSystem(ctx, to.Account, user)
	r, w := io.Pipe()
	var wrote sync.WaitGroup
	wrote.Go(func() { w.CloseWithError(write(w)) })
	opt.Size = -1
	_, err := (&Objects{c}).Put(ctx, to, r, opt)
	r.CloseWithError(io.ErrClosedPipe)
	wrote.Wait()
	return err
}

// refOf finds the name of a container by its ID.
func (c *core) refOf(ctx context.Context, id uint64) (Ref, error) {
	var ref Ref
	err := c.store.View(ctx, func(v *store.View) error {
		k, found, err := v.Container(id)
		if err == nil && !found {
			err = errNoSpace
		}
		ref = Ref{Account: k.Account, Container: k.Name}
		return err
	})
	return ref, err
}
