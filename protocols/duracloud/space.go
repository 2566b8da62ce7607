package duracloud

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// getStores lists the stores.
func (f *Face) getStores(w http.ResponseWriter, r *http.Request, c *call) error {
	list, err := f.spaces.Stores(r.Context(), c.account)
	if err != nil {
		return err
	}
	writeBody(w, r, http.StatusOK, xmlType, storesXML(list))
	return nil
}

// getSpaces lists the spaces that the caller may read.
func (f *Face) getSpaces(w http.ResponseWriter, r *http.Request, c *call) error {
	const attempt = "Error attempting to build spaces XML"
	ref, err := f.in(c)
	if err != nil {
		return &failure{attempt: attempt, err: err}
	}
	list, err := f.spaces.List(r.Context(), ref.Account)
	if err != nil {
		return &failure{attempt: attempt, err: err}
	}
	writeBody(w, r, http.StatusOK, xmlType, spacesXML(list))
	return nil
}

// setSpace writes the properties of a space.
func setSpace(h http.Header, s *gateway.SpaceStat) {
	// Clients page until a page is empty where they read "1000+".
	count := strconv.FormatInt(max(s.Items, 0), 10)
	if s.Items >= gateway.MaxItems {
		count = strconv.Itoa(gateway.MaxItems) + "+"
	}
	h[metaPrefix+"space-count"] = []string{count}
	h[metaPrefix+"space-created"] = []string{s.Created.UTC().Format(isoTime)}
}

// getSpace lists a page of a space's items.
func (f *Face) getSpace(w http.ResponseWriter, r *http.Request, c *call) error {
	const task = "build space XML for"
	limit, fault := pageLimit(c.query.Get("maxResults"))
	if fault != nil {
		return f.readersFirst(r, c, fault)
	}
	ref, err := f.in(c)
	if err != nil {
		return onSpace(task, c, err)
	}
	space, items, err := f.page(r, c, ref, limit)
	if err != nil {
		return onSpace(task, c, err)
	}
	setSpace(w.Header(), &space)
	writeBody(w, r, http.StatusOK, xmlType, spaceXML(c.space, items))
	return nil
}

// pageLimit reads how many items a page may have: what is no more than 0, or
// too much, means the most there can be.
func pageLimit(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case text != "" && err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, refuse(http.StatusBadRequest, "maxResults is not a number: %s", text)
	case n <= 0 || n > gateway.MaxItems:
		return gateway.MaxItems, nil
	}
	return int(n), nil
}

// page reads a page of a space's items, without those whose names XML cannot
// carry. Since an empty page ends a listing, only the last one is empty; many
// such names are passed in large steps, however small the page.
func (f *Face) page(r *http.Request, c *call, ref gateway.Ref, limit int) (space gateway.SpaceStat, items []string, err error) {
	step := limit
	for marker := c.query.Get("marker"); ; step = gateway.MaxItems {
		space, items, err = f.spaces.Items(r.Context(), ref, c.query.Get("prefix"), marker, step)
		if err != nil || len(items) == 0 {
			return space, items, err
		}
		marker = items[len(items)-1]
		items = slices.DeleteFunc(items, func(name string) bool { return !inXML(name) })
		if len(items) > 0 {
			return space, items[:min(len(items), limit)], nil
		}
	}
}

// headSpace tells the properties of a space.
func (f *Face) headSpace(w http.ResponseWriter, r *http.Request, c *call) error {
	const task = "retrieve space properties for"
	ref, err := f.in(c)
	if err != nil {
		return onSpace(task, c, err)
	}
	space, err := f.spaces.Get(r.Context(), ref)
	if err != nil {
		return onSpace(task, c, err)
	}
	setSpace(w.Header(), &space)
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
	return nil
}

// putSpace makes a space; one that is there stays as it is.
func (f *Face) putSpace(w http.ResponseWriter, r *http.Request, c *call) error {
	ref, err := f.in(c)
	if err == nil {
		_, err = f.spaces.Create(r.Context(), ref)
	}
	if err != nil {
		return onSpace("add space", c, err)
	}
	h := w.Header()
	h["Location"] = []string{f.location(r)}
	h["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusCreated)
	return nil
}

// deleteSpace removes a space and all that is in it.
func (f *Face) deleteSpace(w http.ResponseWriter, r *http.Request, c *call) error {
	ref, err := f.in(c)
	if err == nil {
		err = f.spaces.Delete(r.Context(), ref)
	}
	if err != nil {
		return onSpace("delete space", c, err)
	}
	writeText(w, r, http.StatusOK, "Space "+c.space+" deleted successfully")
	return nil
}

// headGrants tells the access list of a space.
func (f *Face) headGrants(w http.ResponseWriter, r *http.Request, c *call) error {
	const task = "retrieve space ACLs for"
	ref, err := f.in(c)
	if err != nil {
		return onSpace(task, c, err)
	}
	list, err := f.spaces.Grants(r.Context(), ref)
	if err != nil {
		return onSpace(task, c, err)
	}
	setGrants(w.Header(), list)
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
	return nil
}

// postGrants replaces the access list of a space.
func (f *Face) postGrants(w http.ResponseWriter, r *http.Request, c *call) error {
	const task = "update space ACLs for"
	list, err := grants(r.Header)
	if err != nil {
		return onSpace(task, c, err)
	}
	ref, err := f.in(c)
	if err == nil {
		err = f.spaces.SetGrants(r.Context(), ref, list)
	}
	if err != nil {
		return onSpace(task, c, err)
	}
	writeText(w, r, http.StatusOK, "Space "+c.space+" ACLs updated successfully")
	return nil
}

// base is the scheme and host under which the client sees the gateway.
func (f *Face) base(r *http.Request) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if f.believes(r) {
		if v := r.Header.Get("X-Forwarded-Proto"); v == "http" || v == "https" {
			scheme = v
		}
		if v := r.Header.Get("X-Forwarded-Host"); v != "" {
			host = v
		}
	}
	return scheme + "://" + host
}

// location is the whole URL of a request, with its query.
func (f *Face) location(r *http.Request) string { return f.base(r) + r.URL.RequestURI() }

// absent makes names that nobody can have look like any other that is not
// there, for reading and removing.
func absent(err error) error {
	if errs.Of(err) == errs.Invalid {
		return errs.Wrap("duracloud", errs.NotFound, errs.NoObject, err)
	}
	return err
}
