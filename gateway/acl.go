package gateway

import (
	"fmt"
	"slices"
	"strings"

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

// names tells whether the list names the caller, its account or one of its
// groups.
func (a acl) names(p auth.Principal) bool {
	if p.User == "" {
		return false
	}
	for _, g := range a.groups {
		if p.Keystone && starred(g, p) || g == p.Account || slices.Contains(p.Groups, g) {
			return true
		}
		account, name, ok := strings.Cut(g, ":")
		if !ok || account != p.Account {
			continue
		}
		if group, ok := strings.CutPrefix(name, groupPrefix); ok && inGroup(p, group) || store.Fold(name) == store.Fold(p.User) {
			return true
		}
	}
	return false
}

// starred tells whether an element with a star names a caller of the Identity
// API (OpenStack's keystone middleware of the object store): "*:*" is
// everybody who logged in, "project:*" all of a project, "*:user" a user in
// any. For other callers a star is a name like any other.
func starred(element string, p auth.Principal) bool {
	account, name, ok := strings.Cut(element, ":")
	return ok && (account == "*" || name == "*") &&
		(account == "*" || account == p.Account) && (name == "*" || store.Fold(name) == store.Fold(p.User))
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
