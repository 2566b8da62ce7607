package gateway

import (
	"slices"
	"time"

	"entrepot/store"
)

// A usageSum makes a report on many spaces of what is noted of each, month
// after month. Memory goes with the spaces, not with the time.
type usageSum struct {
	group    Grouping
	from, to time.Time // midnights, both included

	month  time.Time
	keys   [31]string      // of the groups of the days of the month
	groups [31]*usageGroup // of those days that were met
	open   []*usageGroup   // in the order of time
	done   []Usage
}

// A usageGroup is a row of a report in the making.
type usageGroup struct {
	key    string
	first  time.Time
	sum    spaceUsage             // where a group is a day
	spaces map[string]*spaceUsage // where it is not
}

// A spaceUsage is the sum of the samples of a space in a group.
type spaceUsage struct{ items, bytes, days int64 }

func midnight(at time.Time) time.Time {
	y, m, d := at.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// add takes what a space held in a month, which is the last one's or a later
// one. Spaces are told apart by name, so one that was made again is one.
func (u *usageSum) add(m *store.MonthUsage) {
	if !m.Month.Equal(u.month) {
		u.begin(m.Month)
	}
	var last *usageGroup
	var space *spaceUsage
	for i := range m.Days {
		d := &m.Days[i]
		if d.Day.Before(u.from) || d.Day.After(u.to) {
			continue
		}
		g := u.find(d.Day)
		if g != last {
			last, space = g, g.of(m.Name)
		}
		space.items, space.bytes, space.days = space.items+d.Objects, space.bytes+d.Bytes, space.days+1
	}
}

// of returns where the samples of a space are summed.
func (g *usageGroup) of(name string) *spaceUsage {
	if g.spaces == nil {
		return &g.sum
	}
	space := g.spaces[name]
	if space == nil {
		space = new(spaceUsage)
		g.spaces[name] = space
	}
	return space
}

// begin ends the groups that no day of a new month belongs to.
func (u *usageSum) begin(month time.Time) {
	u.month, u.groups = month, [31]*usageGroup{}
	days := month.AddDate(0, 1, -1).Day()
	for i := range days {
		u.keys[i], _ = u.group.key(month.AddDate(0, 0, i))
	}
	keep := u.open[:0]
	for _, g := range u.open {
		if g.key == u.keys[0] {
			keep = append(keep, g)
		} else {
			u.done = append(u.done, g.usage())
		}
	}
	u.open = keep
}

// find returns the group of a day of the month.
func (u *usageSum) find(day time.Time) *usageGroup {
	i := day.Day() - 1
	g := u.groups[i]
	if g == nil {
		g = u.groupOf(u.keys[i], day)
		u.groups[i] = g
	}
	if day.Before(g.first) {
		g.first = day
	}
	return g
}

// groupOf finds or makes the group of a key, which is one of few in a month.
func (u *usageSum) groupOf(key string, day time.Time) *usageGroup {
	at := 0
	for i, g := range u.open {
		if g.key == key {
			return g
		}
		if g.first.Before(day) {
			at = i + 1
		}
	}
	g := &usageGroup{key: key, first: day}
	if u.group != ByDay {
		g.spaces = make(map[string]*spaceUsage)
	}
	u.open = slices.Insert(u.open, at, g)
	return g
}

// end returns the report, in the order of time.
func (u *usageSum) end() []Usage {
	for _, g := range u.open {
		u.done = append(u.done, g.usage())
	}
	u.open = nil
	return u.done
}

// mostDays is how many days a group has at most, and commonDays a number that
// each number of days up to it divides.
const (
	mostDays   = 31
	commonDays = 72_201_776_446_800
)

// usage sums the averages of the spaces exactly and then cuts the fraction off.
func (g *usageGroup) usage() Usage {
	if g.spaces == nil {
		return Usage{Day: g.first, Items: g.sum.items, Bytes: g.sum.bytes}
	}
	out := Usage{Day: g.first}
	var items, bytes int64 // in parts of commonDays
	for _, s := range g.spaces {
		out.Items, out.Bytes = out.Items+s.items/s.days, out.Bytes+s.bytes/s.days
		if s.days <= mostDays { // more only where a space was made anew on a day whose samples were taken twice
			items += s.items % s.days * (commonDays / s.days)
			bytes += s.bytes % s.days * (commonDays / s.days)
		}
		out.Items, items = out.Items+items/commonDays, items%commonDays
		out.Bytes, bytes = out.Bytes+bytes/commonDays, bytes%commonDays
	}
	return out
}
