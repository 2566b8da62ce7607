package store

import (
	"context"
	"encoding/binary"
	"strconv"
	"time"

	"entrepot/store/internal/record"
	"entrepot/store/kv"
)

// A Sample is what a container held on one day, UTC, when the day's sample was
// taken. Objects that only mark folders are not counted. Reports are made of
// samples.
type Sample struct {
	Day     time.Time // midnight UTC
	Objects int64
	Bytes   int64
}

const (
	metaSampled  = "sampled" // the day whose samples are complete
	sampleBatch  = 500
	ofContainer  = 'c'
	ofAccount    = 'a' // up to format 2, see spreadUsage
	secondsInDay = 24 * 60 * 60
)

// dayOf numbers days since the Unix epoch.
func dayOf(s Stamp) uint32 { return uint32(int64(s) / 100_000 / secondsInDay) }

func dayTime(day uint32) time.Time { return time.Unix(int64(day)*secondsInDay, 0).UTC() }

func sampleRow(kind byte, of []byte) []byte { return append([]byte{kind}, of...) }

func containerSamples(id uint64) []byte { return sampleRow(ofContainer, u64(id)) }

func sampleKey(base []byte, day uint32) kv.Key {
	return key(tableSamples, binary.BigEndian.AppendUint32(base[:len(base):len(base)], day))
}

func (s *Sample) encode() []byte {
	w := record.NewWriter(24)
	w.Int(1, s.Objects)
	w.Int(2, s.Bytes)
	return w.Finish()
}

func decodeSample(day uint32, b []byte) (s Sample, err error) {
	s.Day = dayTime(day)
	_, err = record.Decode(b, func(f record.Field) bool {
		switch f.Tag {
		case 1:
			s.Objects = f.Int()
		case 2:
			s.Bytes = f.Int()
		}
		return true
	})
	return s, err
}

// ContainerSamples lists a container's samples from one day to another, both
// included, in order.
func (v *View) ContainerSamples(id uint64, from, to time.Time) ([]Sample, error) {
	return v.samples(containerSamples(id), from, to)
}

func (v *View) samples(base []byte, from, to time.Time) ([]Sample, error) {
	r := kv.Range{
		Table: tableSamples,
		From:  sampleKey(base, dayOf(StampOf(from))).Row,
		To:    sampleKey(base, dayOf(StampOf(to))+1).Row,
	}
	page, err := v.r.Scan(r, v.maxScan())
	if err != nil {
		return nil, err
	}
	list := make([]Sample, len(page.Items))
	for i, item := range page.Items {
		day := binary.BigEndian.Uint32(item.Row[len(item.Row)-4:])
		if list[i], err = decodeSample(day, item.Value); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// SampleUsage takes the day's sample of every account and container, if it was
// not taken yet. It is called by the store itself every so often; a pass that
// was interrupted is done again whole, which changes nothing but the figures
// of what was sampled already.
func (s *Store) SampleUsage(ctx context.Context) error {
	s.sampling.Lock()
	defer s.sampling.Unlock()
	day := dayOf(s.Now())
	var last uint64
	err := s.engine.View(ctx, func(r kv.Reader) error {
		rows, err := r.Get(metaKey(metaSampled))
		if err == nil && rows[0] != nil {
			last, err = strconv.ParseUint(string(rows[0]), 10, 32)
		}
		return err
	})
	if err != nil || last >= uint64(day) {
		return err
	}
	if err := s.sampleAccounts(ctx, day); err != nil {
		return err
	}
	return s.engine.Update(ctx, []kv.Lock{{Key: metaKey(metaSampled)}}, func(tx kv.Tx) error {
		tx.Put(metaKey(metaSampled), strconv.AppendUint(nil, uint64(day), 10))
		return nil
	})
}

func (s *Store) sampleAccounts(ctx context.Context, day uint32) error {
	for after := ""; ; {
		var accounts []Account
		err := s.View(ctx, func(v *View) (err error) {
			accounts, err = v.Accounts(after, sampleBatch)
			return err
		})
		if err != nil || len(accounts) == 0 {
			return err
		}
		for _, a := range accounts {
			if err := s.sampleAccount(ctx, a.Name, day); err != nil {
				return err
			}
		}
		after = accounts[len(accounts)-1].Name
	}
}

func (s *Store) sampleAccount(ctx context.Context, account string, day uint32) error {
	for marker := ""; ; {
		var page []NamedContainer
		err := s.View(ctx, func(v *View) (err error) {
			page, err = v.Containers(account, Query{Marker: marker, Limit: sampleBatch})
			return err
		})
		if err != nil {
			return err
		}
		list := make([]containerSample, len(page))
		for i, c := range page {
			sample := Sample{Day: dayTime(day), Objects: c.Objects - c.Markers, Bytes: c.Bytes}
			list[i] = containerSample{c.Container.ID, c.Container.Name, sample}
			marker = c.Container.Name
		}
		if err := s.putSamples(ctx, account, list); err != nil || len(page) < sampleBatch {
			return err
		}
	}
}

// putSamples writes samples of containers of an account, unless that is gone;
// nobody else writes rows of today.
func (s *Store) putSamples(ctx context.Context, account string, list []containerSample) error {
	locks := []kv.Lock{{Key: metaKey(metaSampled)}, LockAccount(account, true)}
	return s.engine.Update(ctx, locks, func(tx kv.Tx) error {
		rows, err := tx.Get(accountKey(account))
		if err != nil || rows[0] == nil {
			return err
		}
		for _, c := range list {
			tx.Put(sampleKey(containerSamples(c.id), dayOf(StampOf(c.sample.Day))), c.sample.encode())
		}
		return noteUsage(tx, account, list)
	})
}

// sampleEvery is how often it is looked whether the day's samples are due.
const sampleEvery = 10 * time.Minute

func (s *Store) runSamples(ctx context.Context) {
	every := time.NewTicker(sampleEvery)
	defer every.Stop()
	for {
		if err := s.SampleUsage(ctx); err != nil && ctx.Err() == nil {
			s.opt.Logger.Warn("sampling usage", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}
