package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// An IntegrityResult is what the comparison of an item with its record said.
type IntegrityResult string

// The results.
const (
	IntegritySuccess IntegrityResult = "SUCCESS"
	IntegrityFailure IntegrityResult = "FAILURE" // it is not what was stored
	IntegrityError   IntegrityResult = "ERROR"   // it could not be read
)

// An IntegrityRow is a line of a report on integrity.
type IntegrityRow struct {
	Checked   time.Time
	Account   string
	StoreID   int
	StoreType string
	Space     string
	Item      string
	Result    IntegrityResult
	Content   string // digest of the content as it was read; "" where it differs
	Recorded  string // digest of the record; "" where the item is missing
	Manifest  string // digest that it should have: of a replica, that of its source; "" where it should not be there
	Details   string // "" where there is nothing to say
}

// An IntegrityReport says how the last comparison of a space ended.
type IntegrityReport struct {
	Result IntegrityResult // success or failure
	Ended  time.Time
	Items  int64
	// Object has the report itself. It can be read with OpenIntegrity.
	Object Object
}

// integrityFolder holds reports on integrity in the admin space.
const integrityFolder = "bit-integrity/"

// keptReports is how many reports of a space are kept.
const keptReports = 2

// Integrity returns the last report of a space, with its content, to a caller
// who may list the space. NotFound with NoReport before any comparison. The
// caller closes the content.
func (s *Spaces) Integrity(ctx context.Context, ref Ref) (IntegrityReport, Content, error) {
	if names.Text(ref.Container) != nil {
		return IntegrityReport{}, nil, errNoSpace
	}
	p := auth.PrincipalOf(ctx)
	var last store.Integrity
	err := s.store.View(ctx, func(v *store.View) error {
		at, err := s.load(v, p, ref, nil)
		if err != nil {
			return err
		}
		if err := at.mayStudy(p); err != nil {
			return err
		}
		var found bool
		last, found, err = v.Integrity(at.container.ID)
		if err == nil && (!found || len(last.Reports) == 0) {
			err = errNoReport
		}
		return err
	})
	if err != nil {
		return IntegrityReport{}, nil, err
	}
	at := Ref{Account: last.Account, Container: adminSpace, Object: last.Reports[0]}
	obj, content, err := (&Objects{s.core}).Open(asSystem(ctx, last.Account, ""), at, Conditions{})
	if errs.Of(err) == errs.NotFound {
		err = errNoReport // somebody removed it
	}
	if err != nil {
		return IntegrityReport{}, nil, err
	}
	return IntegrityReport{Result: resultOf(last.Sound), Ended: last.Ended.Time(), Items: last.Items, Object: obj}, content, nil
}

var errNoReport = errs.New("spaces.Integrity", errs.NotFound, errs.NoReport, "The space was not compared with its records yet.")

func resultOf(sound bool) IntegrityResult {
	if sound {
		return IntegritySuccess
	}
	return IntegrityFailure
}

// RequestVerify has all content of a space read and compared with its records
// in the background. Owners only. A second call while one waits does nothing.
func (s *Spaces) RequestVerify(ctx context.Context, ref Ref) error {
	if names.Text(ref.Container) != nil {
		return errNoSpace
	}
	p := auth.PrincipalOf(ctx)
	at, err := s.owned(ctx, p, ref)
	if err != nil {
		return err
	}
	if err := s.addVerify(ctx, &at.container, p.User, "all"); err != nil {
		return err
	}
	s.jobs.hurry()
	return nil
}

func (c *core) addVerify(ctx context.Context, k *store.Container, user, option string) error {
	now := c.now()
	return c.store.AddJob(ctx, store.Job{
		Kind: store.JobVerify, Due: now, Name: strconv.FormatUint(k.ID, 16), Account: k.Account,
		Container: k.ID, User: user, Since: now, Option: option,
	})
}

// verifyPage is how many objects are compared in one step.
const verifyPage = 64

// verify does a job that RequestVerify or schedule queued. What was found
// sound since the job was queued (by an earlier attempt), or for planned ones
// within the last period (by the scrubber), is not read again.
func (s *Spaces) verify(ctx context.Context, job *store.Job) error {
	if s.cfg.Manifests == nil {
		return errs.Wrap("spaces.verify", errs.NotFound, "", errors.New("nobody can write reports"))
	}
	if reports, gone := strings.CutPrefix(job.Option, store.DropReports); gone {
		return s.removeReports(ctx, job.Account, strings.Split(reports, "\n"))
	}
	ref, err := s.refOf(ctx, job.Container)
	if err != nil {
		return err
	}
	home := homeAccount(ref.Account)
	if err := s.ensureAdminSpace(ctx, home, job.User); err != nil {
		return err
	}
	since := job.Since
	if job.Option != "all" && s.cfg.VerifyEvery > 0 {
		since = store.StampOf(since.Time().Add(-s.cfg.VerifyEvery))
	}
	info := s.storeOf(ref.Account)
	number := strconv.Itoa(info.ID)
	to := Ref{Account: home, Container: adminSpace, Object: integrityFolder + ref.Container + "/" + number +
		"/bit-integrity_" + home + "_" + number + "_" + ref.Container + "_" + s.now().Time().UTC().Format(fileStamp) + ".tsv"}
	out := store.Integrity{Sound: true, Account: home}
	head, contentType := s.cfg.Manifests.BeginIntegrity(nil)
	write := func(w io.Writer) error {
		_, err := w.Write(head)
		if err != nil {
			return err
		}
		return s.compare(ctx, job, ref, info, since, &out, w)
	}
	opt := PutOptions{ContentType: contentType, Item: true, readersOf: job.Container}
	if err := s.writeObject(ctx, to, job.User, opt, write); err != nil {
		return err
	}
	return s.keepReport(ctx, job.Container, to, &out)
}

// compare writes the rows of a report.
func (s *Spaces) compare(ctx context.Context, job *store.Job, ref Ref, info *StoreInfo, since store.Stamp, out *store.Integrity, w io.Writer) error {
	renew := s.renewed(ctx, job)
	source, err := s.besides(ctx, job.Container)
	if err != nil {
		return err
	}
	var b []byte
	emit := func(rows []IntegrityRow) error {
		for i := range rows {
			out.Sound = out.Sound && rows[i].Result == IntegritySuccess
		}
		b = s.cfg.Manifests.AppendIntegrity(b[:0], out.Items == 0, rows)
		out.Items += int64(len(rows))
		if _, err := w.Write(b); err != nil {
			return err
		}
		return renew()
	}
	for marker, more := "", true; more; {
		list, next, err := s.store.VerifyPage(ctx, job.Container, marker, verifyPage, since)
		if err != nil {
			return err
		}
		rows := make([]IntegrityRow, len(list))
		for i := range list {
			rows[i] = integrityRow(ref, info, &list[i])
		}
		if source != nil {
			err = source.judge(ctx, blankRow(ref, info), marker, next, rows, emit)
		} else {
			err = emit(rows)
		}
		if err != nil {
			return err
		}
		marker, more = next, next != ""
	}
	return nil
}

// blankRow is what all rows of a report have.
func blankRow(ref Ref, info *StoreInfo) IntegrityRow {
	return IntegrityRow{Account: homeAccount(ref.Account), StoreID: info.ID, StoreType: info.Type, Space: ref.Container}
}

func integrityRow(ref Ref, info *StoreInfo, v *store.Verdict) IntegrityRow {
	r := blankRow(ref, info)
	r.Checked, r.Item, r.Result = v.At, v.Object.Name, IntegritySuccess
	r.Recorded, r.Details = hex.EncodeToString(v.Object.Content.MD5[:]), v.Reason
	r.Content, r.Manifest = r.Recorded, r.Recorded
	switch {
	case v.Damaged:
		r.Result, r.Content = IntegrityFailure, ""
	case v.Failed:
		r.Result, r.Content = IntegrityError, ""
	}
	return r
}

// keepReport notes a new report and removes those that are one too many.
func (s *Spaces) keepReport(ctx context.Context, id uint64, to Ref, out *store.Integrity) error {
	out.Ended = s.now()
	var stale []string
	err := s.store.Update(ctx, []store.Guard{store.LockContainer(id, true)}, func(tx *store.Tx) error {
		stale = nil
		if _, found, err := tx.Container(id); err != nil || !found {
			stale = []string{to.Object} // gone meanwhile: nothing of it is kept
			return err
		}
		before, _, err := tx.Integrity(id)
		if err != nil {
			return err
		}
		next := *out
		next.Reports = append([]string{to.Object}, before.Reports...)
		if len(next.Reports) > keptReports {
			stale = append(stale, next.Reports[keptReports:]...)
			next.Reports = next.Reports[:keptReports]
		}
		tx.PutIntegrity(id, &next)
		return nil
	})
	if err != nil {
		return err
	}
	return s.removeReports(ctx, to.Account, stale)
}

// removeReports removes reports from the admin space of an account.
func (s *Spaces) removeReports(ctx context.Context, account string, names []string) error {
	for _, name := range names {
		old := Ref{Account: account, Container: adminSpace, Object: name}
		if err := (&Objects{s.core}).Delete(asSystem(ctx, account, ""), old, nil); err != nil && errs.Of(err) != errs.NotFound {
			return err
		}
	}
	return nil
}

// planEvery is how often it is looked which containers are to be compared.
const planEvery = 24 * time.Hour

// schedule queues the comparison of containers whose last one, or making, is
// too long ago.
func (j *jobs) schedule(ctx context.Context) error {
	c := j.core
	now := c.now()
	if c.cfg.VerifyEvery < 0 || c.cfg.Manifests == nil || now.Time().Sub(j.planned.Time()) < planEvery {
		return nil
	}
	j.planned = now
	// Also what is going to be due before it is looked again.
	before := store.StampOf(now.Time().Add(-max(c.cfg.VerifyEvery-planEvery, 0)))
	for after, more := "", true; more; {
		var accounts []store.Account
		err := c.store.View(ctx, func(v *store.View) (err error) {
			accounts, err = v.Accounts(after, spacesPage)
			return err
		})
		if err != nil {
			return err
		}
		for _, a := range accounts {
			if err := c.scheduleAccount(ctx, a.Name, before); err != nil {
				return err
			}
		}
		if more = len(accounts) == spacesPage; more {
			after = accounts[len(accounts)-1].Name
		}
	}
	return nil
}

func (c *core) scheduleAccount(ctx context.Context, account string, before store.Stamp) error {
	for marker, more := "", true; more; {
		var due []store.Container
		err := c.store.View(ctx, func(v *store.View) error {
			due = nil
			list, err := v.Containers(account, store.Query{Marker: marker, Limit: spacesPage})
			if more = len(list) == spacesPage; more {
				marker = list[len(list)-1].Container.Name
			}
			for i := range list {
				k := &list[i].Container
				last, _, lastErr := v.Integrity(k.ID)
				if lastErr != nil {
					return lastErr
				}
				if k.Name != adminSpace && max(last.Ended, k.Created) < before {
					due = append(due, *k)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		for i := range due {
			if err := c.addVerify(ctx, &due[i], "", ""); err != nil {
				return err
			}
		}
	}
	return nil
}
