package gateway

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// acl is a parsed access list in the grammar of Swift's X-Container-Read and
// X-Container-Write: referrer rules, ".rlistings", and names of accounts or
// "account:user".
type acl struct {
	referrers []referrer
	listings  bool
	groups    []string
	set       store.Stamp // when it was written
}

type referrer struct {
	deny bool
	host string // "*", "host" or ".domain"
}

// maxACL bounds the text of an access list, in bytes.
const maxACL = 8 << 10

// cleanACL checks an access list as a client sent it and returns the text that
// is stored. Referrer rules belong to read lists only.
func cleanACL(text string, write bool) (string, error) {
	if len(text) > maxACL {
		return "", badACL("Access list longer than %d", maxACL)
	}
	var out []string
	for raw := range strings.SplitSeq(text, ",") {
		item := strings.TrimSpace(raw)
		if item == "" {
			continue
		}
		word, host, isRule := strings.Cut(item, ":")
		word = strings.TrimSpace(word)
		if !isRule || !strings.HasPrefix(word, ".") {
			out = append(out, trimPair(item))
			continue
		}
		switch word {
		case ".r", ".ref", ".referer", ".referrer":
		default:
			return "", badACL("Unknown designator '%s' in ACL: '%s'", word, item)
		}
		if write {
			return "", badACL("Referrers not allowed in write ACL: '%s'", item)
		}
		clean, ok := cleanHost(host)
		if !ok {
			return "", badACL("No host/domain value after referrer designation in ACL: '%s'", item)
		}
		out = append(out, ".r:"+clean)
	}
	return strings.Join(out, ","), nil
}

func badACL(format string, args ...any) error {
	return errs.New("acl", errs.Invalid, errs.BadACL, fmt.Sprintf(format, args...))
}

func trimPair(item string) string {
	a, b, ok := strings.Cut(item, ":")
	if !ok {
		return item
	}
	return strings.TrimSpace(a) + ":" + strings.TrimSpace(b)
}

// cleanHost cleans what follows ".r:": an optional minus, a star, a host or a
// domain, whose "*." is dropped.
func cleanHost(host string) (string, bool) {
	host = strings.TrimSpace(host)
	minus := ""
	if rest, ok := strings.CutPrefix(host, "-"); ok {
		minus, host = "-", strings.TrimSpace(rest)
	}
	if host != "*" {
		host = strings.TrimPrefix(host, "*")
	}
	if host == "" || host == "." {
		return "", false
	}
	return minus + host, true
}

// parseACL reads a cleaned access list.
func parseACL(text string) acl {
	var a acl
	if text == "" {
		return a
	}
	for item := range strings.SplitSeq(text, ",") {
		if host, ok := strings.CutPrefix(item, ".r:"); ok {
			host, deny := strings.CutPrefix(host, "-")
			a.referrers = append(a.referrers, referrer{deny: deny, host: host})
		} else if item == ".rlistings" {
			a.listings = true
		} else {
			a.groups = append(a.groups, item)
		}
	}
	return a
}

// writtenAt is the list with the time when it was written.
func (a acl) writtenAt(set store.Stamp) acl {
	a.set = set
	return a
}

// means tells whether a name in the list is that of its present holder, who
// has it since a time: a list that is older means the holder before.
func (a acl) means(since time.Time) bool { return since.IsZero() || a.set > store.StampOf(since) }

// names tells whether the list names the caller, its account or one of its
// groups. Elements with a star name callers of the Identity API (OpenStack's
// keystone middleware of the object store): "*:*" is everybody who logged in,
// "project:*" all of a project, "*:user" a user in any. For other callers a star
// is a name like any other.
func (a acl) names(p auth.Principal) bool {
	if p.User == "" {
		return false
	}
	ofUser, ofAccount := a.means(p.NameSince), a.means(p.AccountSince)
	for _, g := range a.groups {
		if slices.Contains(p.Groups, g) || ofAccount && g == p.Account {
			return true
		}
		account, name, ok := strings.Cut(g, ":")
		if !ok {
			continue
		}
		star := p.Keystone && (account == "*" || name == "*")
		if account != p.Account && (account != "*" || !star) || account != "*" && !ofAccount {
			continue
		}
		if star && name == "*" || ofUser && store.Fold(name) == store.Fold(p.User) {
			return true
		}
		if group, ok := strings.CutPrefix(name, groupPrefix); ok && account == p.Account && inGroup(p, group) {
			return true
		}
	}
	return false
}

// groupPrefix stands before the name of a group where a user's could stand:
// "account:group-name".
const groupPrefix = "group-"

// inGroup tells whether the caller is in a group of its account, whose names
// have no case.
func inGroup(p auth.Principal, group string) bool {
	return slices.ContainsFunc(p.Groups, func(g string) bool { return store.Fold(g) == store.Fold(group) })
}

// reads tells whether the list lets the caller read objects and list names.
func (a acl) reads(p auth.Principal) (read, list bool) {
	if a.names(p) {
		return true, true
	}
	for _, r := range a.referrers {
		if r.matches(p.Referer) {
			read = !r.deny
		}
	}
	return read, read && a.listings
}

func (r referrer) matches(host string) bool {
	switch {
	case r.host == "*":
		return true
	case host == "":
		return false
	case strings.HasPrefix(r.host, "."):
		return strings.HasSuffix(host, r.host)
	}
	return host == r.host
}
