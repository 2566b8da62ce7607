package gateway

import (
	"maps"
	"slices"
	"strings"

	"entrepot/gateway/errs"
	"entrepot/store"
)

// A Right is what a grant gives.
type Right string

// The rights of a grant. Write includes read.
const (
	RightRead  Right = "READ"
	RightWrite Right = "WRITE"
)

// Grants are the access list of a container as users and groups see it: a name
// and what it may do. Names have no case and are kept in lower case; those of
// groups begin with "group-". PublicGroup stands for everybody and only ever
// reads. It is a view of the lists of Container.ReadACL and WriteACL: a user
// is "account:name" there, everybody ".r:*,.rlistings".
type Grants map[string]Right

// PublicGroup is the name of everybody in Grants.
const PublicGroup = groupPrefix + "public"

// Text is how the audit shows grants: "{acl-a=READ, acl-b=WRITE}", in order of
// the names.
func (g Grants) Text() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(g)) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("acl-" + name + "=" + string(g[name]))
	}
	b.WriteByte('}')
	return b.String()
}

// grantsOf reads the grants out of a container's lists. What has no spelling
// there (other accounts, referrers, whole accounts) is left out.
func grantsOf(c *store.Container) Grants {
	g := Grants{}
	home := homeAccount(c.Account)
	collect(g, c.ReadACL, home, RightRead)
	collect(g, c.WriteACL, home, RightWrite)
	if slices.ContainsFunc(parseACL(c.ReadACL).referrers, isEverybody) {
		g[PublicGroup] = RightRead
	}
	return g
}

func collect(g Grants, list, account string, right Right) {
	for _, item := range parseACL(list).groups {
		if of, name, ok := strings.Cut(item, ":"); ok && of == account && grantable(name) {
			g[store.Fold(name)] = right
		}
	}
}

// grantable tells whether a name of a list can be one of Grants.
func grantable(name string) bool { return name != "" && name != "*" && store.Fold(name) != PublicGroup }

func isEverybody(r referrer) bool { return r.host == "*" && !r.deny }

// lists are the container's lists with the grants in place of those it has;
// what has no spelling as a grant stays.
func (g Grants) lists(c *store.Container) (read, write string, err error) {
	home := homeAccount(c.Account)
	reads, writes := others(c.ReadACL, home), others(c.WriteACL, home)
	for _, name := range slices.Sorted(maps.Keys(g)) {
		right := g[name]
		switch {
		case right != RightRead && right != RightWrite:
			return "", "", badACL("The right '%s' is neither READ nor WRITE", string(right))
		case store.Fold(name) == PublicGroup:
			reads = append(reads, ".r:*", ".rlistings")
			continue
		case name == "" || name == "*" || name == groupPrefix || strings.ContainsAny(name, ",:\r\n\x00"):
			return "", "", badACL("'%s' cannot be the name of a user or group", name)
		}
		item := home + ":" + store.Fold(name)
		reads = append(reads, item)
		if right == RightWrite {
			writes = append(writes, item)
		}
	}
	return strings.Join(reads, ","), strings.Join(writes, ","), nil
}

// others lists the items of an access list that are no grants.
func others(list, account string) []string {
	var out []string
	if list == "" {
		return nil
	}
	for item := range strings.SplitSeq(list, ",") {
		of, name, ok := strings.Cut(item, ":")
		switch {
		case ok && of == account && grantable(name), item == ".r:*", item == ".rlistings":
		default:
			out = append(out, item)
		}
	}
	return out
}

// change is the grants as a change of a container.
func (g Grants) change(c *store.Container) (ContainerChange, error) {
	read, write, err := g.lists(c)
	if err != nil {
		return ContainerChange{}, err
	}
	if len(read) > maxACL || len(write) > maxACL {
		return ContainerChange{}, errs.New("grants", errs.Invalid, errs.BadACL, "The access list is too long")
	}
	return ContainerChange{ReadACL: &read, WriteACL: &write}, nil
}
