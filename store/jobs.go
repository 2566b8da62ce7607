package store

import (
	"context"
	"fmt"
	"time"

	"entrepot/gateway/errs"
	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// A Job is work that the gateway does in the background for a container, from
// the queue. Whoever takes it up moves it ahead in time first, so that it is
// taken up again where that was in vain.
type Job struct {
	Kind      JobKind // from the key
	Due       Stamp   // from the key
	Name      string  // from the key: two jobs of one kind and name are one
	Account   string
	Container uint64 // what the job is about
	User      string // who asked
	Since     Stamp  // when it was asked for
	Option    string // of the kind
	Attempts  int64  // that failed
	unknown   []byte
}

// A JobKind says what a job does. Kinds are queue kinds.
type JobKind byte

// The kinds of jobs.
const (
	JobManifest JobKind = 24 // write a manifest; name: account/item to be, option: its form
	JobVerify   JobKind = 25 // compare a container with what it should hold; name: its id, option: "" "all", or see DropReports

	JobRestore JobKind = 34 // go on with a Restoration; name: account/ID
	JobExpire  JobKind = 35 // remove the container of a Restoration; name: account/ID/time
)

// JobKinds lists the kinds.
func JobKinds() []JobKind { return []JobKind{JobManifest, JobVerify, JobRestore, JobExpire} }

func (j *Job) key() kv.Key { return queueKey(byte(j.Kind), j.Due, []byte(j.Name)) }

func (j *Job) encode() []byte {
	w := record.NewWriter(96)
	w.String(1, j.Account)
	w.Uint(2, j.Container)
	w.String(3, j.User)
	w.Int(4, int64(j.Since))
	w.String(5, j.Option)
	w.Int(6, j.Attempts)
	w.Raw(j.unknown)
	return w.Finish()
}

func decodeJob(row, value []byte) (j Job, err error) {
	if len(row) < 10 {
		return j, errRow
	}
	j.Kind, j.Due, j.Name = JobKind(row[0]), Stamp(beID(row[1:])), string(row[9:])
	j.unknown, err = record.Decode(value, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			j.Account = f.String()
		case 2:
			j.Container = f.Num
		case 3:
			j.User = f.String()
		case 4:
			j.Since = Stamp(f.Int())
		case 5:
			j.Option = f.String()
		case 6:
			j.Attempts = f.Int()
		default:
			return false
		}
		return true
	})
	return j, err
}

// maxJobs is how many jobs of a kind are looked through for one of a name.
const maxJobs = 10_000

// Jobs lists the jobs of a kind that are due at a moment, the longest due
// first, at most limit.
func (v *View) Jobs(kind JobKind, due Stamp, limit int) ([]Job, error) {
	r := kv.Range{Table: tableQueue, From: []byte{byte(kind)}, To: queueKey(byte(kind), due+1, nil).Row}
	page, err := v.r.Scan(r, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Job, len(page.Items))
	for i, item := range page.Items {
		if list[i], err = decodeJob(item.Row, item.Value); err != nil {
			return nil, fmt.Errorf("store: queue, row %x: %w", item.Row, err)
		}
	}
	return list, nil
}

// JobNamed finds a job of a kind by its name, due or not.
func (v *View) JobNamed(kind JobKind, name string) (Job, bool, error) {
	list, err := v.Jobs(kind, 1<<62, maxJobs)
	for _, j := range list {
		if j.Name == name {
			return j, true, err
		}
	}
	return Job{}, false, err
}

// NamedJobs tells which of some names jobs of a kind have, due or not. It looks
// through the jobs once, however many names there are.
func (v *View) NamedJobs(kind JobKind, names []string) (has map[string]bool, err error) {
	has = make(map[string]bool)
	asked := make(map[string]bool, len(names))
	for _, name := range names {
		asked[name] = true
	}
	list, err := v.Jobs(kind, 1<<62, maxJobs)
	for _, j := range list {
		if asked[j.Name] {
			has[j.Name] = true
		}
	}
	return has, err
}

// LockJobs returns the exclusive lock of the jobs of a kind.
func LockJobs(kind JobKind) Guard { return Guard{Key: metaKey(fmt.Sprintf("jobs/%d", kind))} }

// AddJob queues a job; nothing changes where one of its kind and name waits.
func (s *Store) AddJob(ctx context.Context, j Job) error {
	return s.Update(ctx, []Guard{LockJobs(j.Kind)}, func(tx *Tx) error {
		_, found, err := tx.JobNamed(j.Kind, j.Name)
		if err == nil && !found {
			tx.AddJob(&j)
		}
		return err
	})
}

// AddJob queues a job of a name that none has, under the lock of its kind.
func (tx *Tx) AddJob(j *Job) { tx.tx.Put(j.key(), j.encode()) }

// TakeJob takes up the job of a kind that is due the longest and hides it from
// others for a while; false when none is due.
func (s *Store) TakeJob(ctx context.Context, kind JobKind, lease time.Duration) (j Job, found bool, err error) {
	now := s.Now()
	err = s.Update(ctx, []Guard{LockJobs(kind)}, func(tx *Tx) error {
		list, err := tx.Jobs(kind, now, 1)
		if found = err == nil && len(list) > 0; !found {
			return err
		}
		j = list[0]
		tx.moveJob(&j, now, lease)
		return nil
	})
	return j, found, err
}

// moveJob makes a job due after a while.
func (tx *Tx) moveJob(j *Job, now Stamp, wait time.Duration) {
	tx.tx.Delete(j.key())
	j.Due = StampOf(now.Time().Add(wait))
	tx.tx.Put(j.key(), j.encode())
}

// HoldJob hides a job that was taken up for a while longer, or until it is to
// be tried again. Conflict where somebody else took it up meanwhile.
func (s *Store) HoldJob(ctx context.Context, j *Job, wait time.Duration) error {
	now, held := s.Now(), *j
	err := s.Update(ctx, []Guard{LockJobs(j.Kind)}, func(tx *Tx) error {
		held = *j
		rows, err := tx.r.Get(j.key())
		if err != nil {
			return err
		}
		if rows[0] == nil {
			return errs.New("store.HoldJob", errs.Conflict, "", "The work was taken up elsewhere.")
		}
		tx.moveJob(&held, now, wait)
		return nil
	})
	if err == nil {
		*j = held
	}
	return err
}

// EndJob removes a job that is done, or given up.
func (s *Store) EndJob(ctx context.Context, j *Job) error {
	return s.Update(ctx, []Guard{LockJobs(j.Kind)}, func(tx *Tx) error {
		tx.tx.Delete(j.key())
		return nil
	})
}
