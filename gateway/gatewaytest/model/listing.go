package model

import (
	"slices"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/names"
)

// List is the page of names and rolled-up prefixes that a listing shows.
func (a *Account) List(c *Container, opt gateway.ListOptions) []string {
	delimiter := opt.Delimiter
	if opt.Direct {
		delimiter = "/"
	}
	low, high := opt.Marker, opt.EndMarker
	if opt.Reverse {
		low, high = high, low
	}
	var list []string
	for _, name := range a.Live(c) {
		rest, ok := strings.CutPrefix(name, opt.Prefix)
		if !ok || low != "" && name <= low || high != "" && name >= high || opt.Direct && rest == "" {
			continue
		}
		end, below, rolled := strings.Cut(rest, delimiter)
		if delimiter != "" && rolled {
			name = opt.Prefix + end + delimiter
			if opt.Direct && below != "" || !opt.Direct && !opt.Reverse && name == low {
				continue
			}
		}
		if n := len(list); n == 0 || list[n-1] != name {
			list = append(list, name)
		}
	}
	if opt.Reverse {
		slices.Reverse(list)
	}
	return list[:min(len(list), opt.Limit)]
}

// Tree lists what a drive shows below a folder: its members, or with recursive
// all that is below it. Folders have their slash.
func (a *Account) Tree(c *Container, path string, recursive bool) []string {
	prefix := slashed(path)
	var list []string
	add := func(member string) {
		if a.look(c, member) == folder {
			member = slashed(member)
		}
		if names.OnDrive(member) && member != prefix && !slices.Contains(list, member) {
			list = append(list, member)
		}
	}
	for _, name := range a.Live(c) {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || rest == "" {
			continue
		}
		if !recursive {
			if first, _, _ := strings.Cut(rest, "/"); first != "" {
				add(prefix + first)
			}
			continue
		}
		for _, above := range names.Ancestors(name) {
			if len(above) >= len(prefix) && names.OnDrive(above+"/") {
				add(above)
			} else if len(above) >= len(prefix) {
				break
			}
		}
		if names.OnDrive(name) {
			add(strings.TrimSuffix(name, "/"))
		}
	}
	slices.Sort(list)
	return list
}
