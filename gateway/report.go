package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// A Usage is what a space or a store held, on average of a group of days.
type Usage struct {
	Day   time.Time // first day of the group that has a sample, midnight UTC
	Space string    // "" of a whole store
	Items int64
	Bytes int64
}

// A Grouping says which days of a report make one row.
type Grouping string

// The groupings. A week begins on Monday and ends with the year.
const (
	ByDay   Grouping = "day"
	ByWeek  Grouping = "week"
	ByMonth Grouping = "month"
)

// key names the group of a day; false for a grouping that there is not.
func (g Grouping) key(day time.Time) (string, bool) {
	switch g {
	case ByDay:
		return day.Format(time.DateOnly), true
	case ByWeek:
		// Weeks of the year that begin on Mondays; days before the first
		// Monday are week 0.
		monday := (int(day.Weekday()) + 6) % 7
		return fmt.Sprintf("%04d-%02d", day.Year(), (day.YearDay()+6-monday)/7), true
	case ByMonth:
		return day.Format("2006-01"), true
	}
	return "", false
}

// Valid tells whether there is such a grouping.
func (g Grouping) Valid() bool {
	_, ok := g.key(time.Time{})
	return ok
}

// group averages samples, fractions cut off.
func (g Grouping) group(samples []store.Sample) []Usage {
	var out []Usage
	last, n := "", int64(0)
	end := func() {
		if n > 0 {
			u := &out[len(out)-1]
			u.Items, u.Bytes = u.Items/n, u.Bytes/n
		}
	}
	for _, s := range samples {
		if key, _ := g.key(s.Day); key != last || n == 0 {
			end()
			out = append(out, Usage{Day: s.Day})
			last, n = key, 0
		}
		u := &out[len(out)-1]
		u.Items, u.Bytes, n = u.Items+s.Objects, u.Bytes+s.Bytes, n+1
	}
	end()
	return out
}

// ReportSpace tells what a space held from one day to another, both included,
// for a caller who may list it. The figures are the daily samples'.
func (s *Spaces) ReportSpace(ctx context.Context, ref Ref, from, to time.Time, group Grouping) ([]Usage, error) {
	if names.Text(ref.Container) != nil {
		return nil, errNoSpace
	}
	p := auth.PrincipalOf(ctx)
	var samples []store.Sample
	err := s.store.View(ctx, func(v *store.View) error {
		at, err := s.load(v, p, ref, nil)
		if err != nil {
			return err
		}
		if err := at.mayStudy(p); err != nil {
			return err
		}
		samples, err = v.ContainerSamples(at.container.ID, from, to)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := group.group(samples)
	for i := range list {
		list[i].Space = ref.Container
	}
	return list, nil
}

// ReportStore tells what all spaces of a store held together, those that are
// gone included, for callers who may list the account: of each group of days,
// the sum of the spaces' averages.
func (s *Spaces) ReportStore(ctx context.Context, account string, from, to time.Time, group Grouping) ([]Usage, error) {
	if err := s.MayReport(ctx, account); err != nil {
		return nil, err
	}
	sum := usageSum{group: group, from: midnight(from), to: midnight(to)}
	err := s.eachUsage(ctx, account, from, to, sum.add)
	return sum.end(), err
}

// ReportDay tells what each space of a store held on one day, in byte order of
// their names, for callers who may list the account.
func (s *Spaces) ReportDay(ctx context.Context, account string, day time.Time) ([]Usage, error) {
	if err := s.MayReport(ctx, account); err != nil {
		return nil, err
	}
	var out []Usage
	day = midnight(day)
	err := s.eachUsage(ctx, account, day, day, func(m *store.MonthUsage) {
		for _, d := range m.Days {
			if d.Day.Equal(day) && m.Name != "" {
				out = append(out, Usage{Day: day, Space: m.Name, Items: d.Objects, Bytes: d.Bytes})
			}
		}
	})
	slices.SortFunc(out, func(a, b Usage) int { return strings.Compare(a.Space, b.Space) })
	return out, err
}

// eachUsage passes on what the containers of an account held in the months of
// a span of time. fn must not keep what it gets.
func (s *Spaces) eachUsage(ctx context.Context, account string, from, to time.Time, fn func(*store.MonthUsage)) error {
	for after, more := []byte(nil), true; more; {
		err := s.store.View(ctx, func(v *store.View) (err error) {
			after, err = v.Usage(account, from, to, after, fn)
			return err
		})
		if more = after != nil; err != nil {
			return err
		}
	}
	return nil
}

// MayReport judges whether the caller may see what the spaces of an account
// hold together: who may list the account.
func (s *Spaces) MayReport(ctx context.Context, account string) error {
	p := auth.PrincipalOf(ctx)
	if err := s.mayUse(ctx, p, account); err != nil {
		return err
	}
	if !accountAccess(p, account).List {
		return refuse(p)
	}
	if s.storeOf(account) == nil {
		return errs.New("spaces", errs.NotFound, errs.NoStore, "")
	}
	return nil
}
