package gateway

import (
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/store"
)

// Application passwords are limited to one container, or to a folder in it.
// This file holds every call of every door to that: scope.narrow judges each
// name that a call touches, because all of them read what they depend on
// through core.load. On the way to the folder a caller sees the next step and
// nothing else; everywhere else there is nothing to be seen, whether the name
// exists or not.

var (
	errOutOfScope = errs.New("gateway", errs.Forbidden, errs.OutOfScope, "The application password is for another place.")
	errReadOnly   = errs.New("gateway", errs.Forbidden, errs.ReadOnly, "The application password only reads.")
)

// A position says where a name lies, as seen from a limited caller.
type position uint8

const (
	elsewhere position = iota
	onTheWay           // the container, or a folder, that leads to the caller's
	theTop             // the caller's folder itself
	inside
)

// positionOf tells where a name of the right container lies. Folders may be
// written with and without their slash.
func positionOf(sc *auth.Scope, name string) position {
	switch {
	case sc.Prefix == "" && name == "":
		return theTop
	case strings.HasPrefix(name, sc.Prefix) && name != sc.Prefix:
		return inside
	case strings.TrimSuffix(name, "/") == strings.TrimSuffix(sc.Prefix, "/"):
		return theTop
	case name == "" || strings.HasPrefix(sc.Prefix, strings.TrimSuffix(name, "/")+"/"):
		return onTheWay
	}
	return elsewhere
}

// narrow cuts the caller's access to what its credential is limited to, on the
// way to a name in the container of the scope.
func (s *scope) narrow(p auth.Principal, name string) error {
	sc := p.Scope
	if sc == nil {
		return nil
	}
	if s.container.ID != sc.Container {
		return errOutOfScope
	}
	// Settings, access lists and the folder's own existence are not the
	// application's affair.
	s.access.Owner = false
	if sc.ReadOnly {
		s.access.Write = false
	}
	switch positionOf(sc, name) {
	case inside:
		return nil
	case theTop:
		s.access.Write = false
		return nil
	case onTheWay:
		s.way = sc.Prefix
		s.wayOpen = s.access.List
		s.access = Access{}
		return nil
	}
	return errOutOfScope
}

// mayWriteEach judges the right to write to each of some names in the container
// that the scope was loaded for. Names that results has an outcome for already
// are passed over; that of a name outside the folder of a limited caller is a
// refusal. Callers who are not limited have one right for all of them.
func (s *scope) mayWriteEach(p auth.Principal, ref Ref, objects []string, results []error) error {
	if p.Scope == nil {
		return s.mayWrite(p)
	}
	for i, name := range objects {
		if results[i] != nil {
			continue
		}
		one := *s
		ref.Object = name
		if results[i] = one.grant(p, ref); results[i] == nil {
			results[i] = one.mayWrite(p)
		}
	}
	return nil
}

// within refuses a limited caller what begins with a prefix unless all of it
// lies in its folder.
func within(p auth.Principal, prefix string) error {
	if p.Scope != nil && !strings.HasPrefix(prefix, p.Scope.Prefix) {
		return errOutOfScope
	}
	return nil
}

// sees tells whether the caller may see that there is something at the name
// that the scope was loaded for: by its rights, or as a step on its way.
func (s *scope) sees() bool { return s.access.List || s.access.Read || s.wayOpen }

// nextStep returns the path of the folder below a prefix that leads on to the
// caller's.
func (s *scope) nextStep(prefix string) string {
	end := strings.IndexByte(s.way[len(prefix):], '/')
	return s.way[:len(prefix)+end+1]
}

// cut changes what is listed below a prefix to what the caller may see: only
// names below its own folder. A listing by "/" from a place on the way has one
// row, the next step, which is listed when there is anything there. take is that
// of store.View.EachObject.
func (s *scope) cut(v *store.View, q store.Query, take func(*store.Listed, int) error) error {
	if s.way == "" || strings.HasPrefix(q.Prefix, s.way) {
		return v.EachObject(s.container.ID, q, take)
	}
	if !strings.HasPrefix(s.way, q.Prefix) {
		return nil
	}
	if q.Delimiter != "" {
		if end := strings.Index(s.way[len(q.Prefix):], q.Delimiter); end >= 0 {
			step := s.way[:len(q.Prefix)+end+len(q.Delimiter)]
			return s.cutRolled(v, q, step, take)
		}
	}
	q.Prefix = s.way
	return v.EachObject(s.container.ID, q, take)
}

// cutRolled is the listing whose names all roll up into one step.
func (s *scope) cutRolled(v *store.View, q store.Query, step string, take func(*store.Listed, int) error) error {
	past := q.Marker != "" && step <= q.Marker || q.EndMarker != "" && step >= q.EndMarker
	if q.Reverse {
		past = q.Marker != "" && step >= q.Marker || q.EndMarker != "" && step <= q.EndMarker
	}
	if past || q.Direct || q.Limit == 0 {
		return nil
	}
	any, err := v.Objects(s.container.ID, store.Query{Prefix: s.way, Limit: 1, Now: q.Now})
	if err != nil || len(any) == 0 {
		return err
	}
	return take(&store.Listed{Subdir: step}, 1)
}

// limitedAccount is what a limited caller sees of its account: that it is
// there.
func limitedAccount(p auth.Principal, a *store.Account) (Account, error) {
	if a.Name != p.Account {
		return Account{}, refuse(p)
	}
	return Account{Name: a.Name, Created: a.Created.Time(), Access: Access{List: true}}, nil
}

// limitedContainers lists the one container of a limited caller.
func limitedContainers(v *store.View, p auth.Principal, account string, q store.Query) ([]store.NamedContainer, error) {
	var c store.Container
	var there bool
	b := v.Batch()
	b.Container(p.Scope.Container, &c, &there)
	if err := b.Do(); err != nil || !there || c.Account != account {
		return nil, err
	}
	q.Limit = min(q.Limit, 1)
	one := q
	one.Prefix, one.Delimiter = c.Name, ""
	if !strings.HasPrefix(c.Name, q.Prefix) {
		return nil, nil
	}
	list, err := v.Containers(account, one)
	if err != nil || len(list) == 0 || list[0].Container.ID != c.ID {
		return nil, err
	}
	if end := strings.Index(c.Name[len(q.Prefix):], q.Delimiter); q.Delimiter != "" && end >= 0 {
		return []store.NamedContainer{{Subdir: c.Name[:len(q.Prefix)+end+len(q.Delimiter)]}}, nil
	}
	if p.Scope.Prefix != "" {
		list[0].Objects, list[0].Bytes = 0, 0
	}
	return list[:1], nil
}
