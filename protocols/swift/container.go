package swift

import (
	"net/http"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// containerSettings are headers of a container that are kept as text: their
// names in the core and on the wire.
var containerSettings = [...]struct{ name, wire, remove string }{
	{"sync-key", "X-Container-Sync-Key", "X-Remove-Container-Sync-Key"},
}

const policySetting = "storage-policy"

// getContainer answers with the container's names.
func (f *Face) getContainer(w http.ResponseWriter, r *http.Request, c *call) error {
	l, err := listingOf(r)
	if err != nil {
		return err
	}
	rows := f.pages.entries()
	defer f.pages.done(rows)
	l.Into = *rows
	container, entries, err := f.objects.List(r.Context(), c.Ref, l.ListOptions)
	if err != nil {
		return err
	}
	*rows = entries
	f.setContainer(w, &container, &l)
	f.pages.write(w, r, &l, objectsDocument(l.format, c.Container, entries))
	return nil
}

// headContainer answers with what GET has in its headers.
func (f *Face) headContainer(w http.ResponseWriter, r *http.Request, c *call) error {
	l, err := listingOf(r)
	if err != nil {
		return err
	}
	container, err := f.containers.Get(r.Context(), c.Ref)
	if err != nil {
		return err
	}
	f.setContainer(w, &container, &l)
	return noContent(w, l.format.contentType())
}

// setContainer shows counts, settings and properties of a container.
func (f *Face) setContainer(w http.ResponseWriter, c *gateway.Container, l *listing) {
	a := newAnswer(w, len(c.Properties)+len(c.Headers)+14)
	setListing(&a, l)
	a.setInt("X-Container-Object-Count", c.Objects)
	a.setInt("X-Container-Bytes-Used", c.Bytes)
	a.set("X-Timestamp", timestamp(c.Created))
	a.set("Last-Modified", httpkit.HTTPTime(c.Modified))
	policy := c.Headers[policySetting]
	if policy == "" {
		policy = f.cfg.Policies[0].Name
	}
	a.set("X-Storage-Policy", policy)
	for name, value := range c.Properties {
		if c.Access.Owner || !isSecret(name) {
			a.set(headerName(containerMeta, name), value)
		}
	}
	a.setVersions(c)
	if !c.Access.Owner {
		return
	}
	if c.ReadACL != "" {
		a.set("X-Container-Read", c.ReadACL)
	}
	if c.WriteACL != "" {
		a.set("X-Container-Write", c.WriteACL)
	}
	for _, s := range &containerSettings {
		if v := c.Headers[s.name]; v != "" {
			a.set(s.wire, v)
		}
	}
}

// putContainer makes a container, or merges settings into one that is there.
func (f *Face) putContainer(w http.ResponseWriter, r *http.Request, c *call) error {
	change, err := containerChange(r, c)
	if err != nil {
		return err
	}
	if wish := r.Header.Get("X-Storage-Policy"); wish != "" {
		if err := f.choosePolicy(r, c, wish, &change); err != nil {
			return err
		}
	}
	created, err := f.containers.Create(r.Context(), c.Ref, change)
	if err != nil {
		return err
	}
	if !created {
		return accepted(w, r)
	}
	return f.created(w)
}

// created answers 201 without a body.
func (f *Face) created(w http.ResponseWriter) error {
	h := w.Header()
	h["Content-Type"] = []string{htmlType}
	h["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusCreated)
	return nil
}

// choosePolicy puts the policy that a PUT names into the change of a new
// container. The policy of an existing one cannot change.
func (f *Face) choosePolicy(r *http.Request, c *call, wish string, change *gateway.ContainerChange) error {
	name := f.policy(wish)
	if name == "" {
		return refuse(http.StatusBadRequest, "Invalid X-Storage-Policy '"+wish+"'")
	}
	existing, err := f.containers.Get(r.Context(), c.Ref)
	switch {
	case err == nil:
		current := existing.Headers[policySetting]
		if current == "" {
			current = f.cfg.Policies[0].Name
		}
		if current != name {
			return errs.New("swift.choosePolicy", errs.Conflict, "", "")
		}
		return nil
	case errs.Of(err) != errs.NotFound:
		return err
	}
	if change.Headers == nil {
		change.Headers = gateway.Properties{}
	}
	change.Headers[policySetting] = name
	return nil
}

// policy finds a policy's name by it or by an alias; "" when there is none.
func (f *Face) policy(wish string) string {
	for _, p := range f.cfg.Policies {
		if strings.EqualFold(p.Name, wish) {
			return p.Name
		}
		for _, alias := range p.Aliases {
			if strings.EqualFold(alias, wish) {
				return p.Name
			}
		}
	}
	return ""
}

// postContainer merges settings and properties into the container's.
func (f *Face) postContainer(w http.ResponseWriter, r *http.Request, c *call) error {
	change, err := containerChange(r, c)
	if err != nil {
		return err
	}
	if err := f.containers.Update(r.Context(), c.Ref, change); err != nil {
		return err
	}
	return noContent(w, htmlType)
}

// deleteContainer removes an empty container.
func (f *Face) deleteContainer(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := f.containers.Delete(r.Context(), c.Ref); err != nil {
		return err
	}
	return noContent(w, htmlType)
}

// containerChange reads what a PUT or POST changes.
func containerChange(r *http.Request, c *call) (gateway.ContainerChange, error) {
	if err := checkHeaders(r, c.Ref); err != nil {
		return gateway.ContainerChange{}, err
	}
	h := r.Header
	props, err := changes(h, containerMeta, removeContainerMeta)
	if err != nil {
		return gateway.ContainerChange{}, err
	}
	change := gateway.ContainerChange{
		Properties: props,
		ReadACL:    setting(h, "X-Container-Read", "X-Remove-Container-Read"),
		WriteACL:   setting(h, "X-Container-Write", "X-Remove-Container-Write"),
	}
	for _, s := range &containerSettings {
		if v := setting(h, s.wire, s.remove); v != nil {
			if change.Headers == nil {
				change.Headers = gateway.Properties{}
			}
			change.Headers[s.name] = *v
		}
	}
	return change, versionsChange(h, &change)
}

// setting reads a header that sets and one that removes; nil: neither came.
func setting(h http.Header, set, remove string) *string {
	value := ""
	if values, ok := h[set]; ok {
		value = joined(values)
	} else if _, ok := h[remove]; !ok {
		return nil
	}
	return &value
}
