package gateway

import (
	"context"
	"strings"

	"entrepot/store"
)

// A Site is what the properties of a container say about browsers: how it is
// served as a web site, and which pages of other origins may use it. They are
// X-Container-Meta-Web-… and X-Container-Meta-Access-Control-….
type Site struct {
	// Index is the name of the object that stands for a folder; Error ends
	// the names of the objects that are shown with failures, behind the
	// status.
	Index, Error string
	// Listings tells that folders without an index are listed; CSS is the
	// style sheet of listings and Label what stands in them for the
	// container's path.
	Listings   bool
	CSS, Label string
	// DirectoryType is the content type of folder markers.
	DirectoryType string

	// Origins are the origins whose pages may use the container, "*" for all;
	// MaxAge is how many seconds they remember so, and Expose which more
	// headers they may read, both as set.
	Origins        []string
	MaxAge, Expose string
}

// Web tells whether the container is served as a web site.
func (s *Site) Web() bool { return s.Index != "" || s.Listings || s.Error != "" }

// Allows tells whether pages of an origin may use the container, and whether
// those of all may.
func (s *Site) Allows(origin string) (ok, all bool) {
	for _, o := range s.Origins {
		if o == "*" {
			return true, true
		}
		ok = ok || o == origin
	}
	return ok, false
}

// Site returns what the container of ref says about browsers; the zero Site
// when it is missing. Nothing in it is secret: it says what everybody sees.
func (c *Containers) Site(ctx context.Context, ref Ref) (Site, error) {
	var container store.Container
	err := c.store.View(ctx, func(v *store.View) (err error) {
		container, _, err = v.ContainerNamed(ref.Account, ref.Container)
		return err
	})
	if err != nil {
		return Site{}, err
	}
	p := container.Properties
	first := func(names ...string) string {
		for _, name := range names {
			if v := p[name]; v != "" {
				return v
			}
		}
		return ""
	}
	s := Site{
		Index: p["web-index"], Error: p["web-error"],
		Listings: affirmative(first("web-listings", "web-listing")), CSS: first("web-listings-css", "web-listing-css"),
		Label: first("web-listings-label", "web-listing-label"), DirectoryType: first("web-directory-type"),
		Origins: strings.Fields(p["access-control-allow-origin"]),
		MaxAge:  p["access-control-max-age"], Expose: p["access-control-expose-headers"],
	}
	if s.DirectoryType == "" {
		s.DirectoryType = "application/directory"
	}
	return s, nil
}

// affirmative tells whether a setting is one of Swift's words for yes.
func affirmative(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "1", "yes", "on", "t", "y":
		return true
	}
	return false
}
