package swift

import (
	"net/http"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// Versions (OpenStack Object Storage API v1, "Object versioning"): the
// container's settings say how they are kept; a query names one of an object.

const (
	versionHeader        = "X-Object-Version-Id"
	currentVersionHeader = "X-Object-Current-Version-Id"
)

// versionOf reads which version of an object a request names; "": the current
// one.
func versionOf(r *http.Request, ref gateway.Ref) string {
	if ref.Object == "" || !strings.Contains(r.URL.RawQuery, "version-id") {
		return ""
	}
	for key, value := range params(r.URL.RawQuery) {
		if key == "version-id" {
			return value
		}
	}
	return ""
}

// setVersion shows which version of an object a GET or HEAD answers with; the
// current one also where it stays readable.
func (a *answer) setVersion(c *call, obj *gateway.Object) {
	if obj.Version == "" {
		return
	}
	a.set(versionHeader, obj.Version)
	if c.Version == "" && obj.Version != gateway.NullVersion {
		a.set("Content-Location", "/v1/"+httpkit.EscapePath(c.shown+"/"+c.Container+"/"+c.Object)+"?version-id="+obj.Version)
	}
}

// deleteVersion removes one version of an object.
func (f *Face) deleteVersion(w http.ResponseWriter, r *http.Request, c *call) error {
	current, err := f.objects.DeleteVersion(r.Context(), c.Ref)
	if err != nil {
		return err
	}
	a := newAnswer(w, 2)
	a.set(versionHeader, c.Version)
	a.set(currentVersionHeader, current)
	return noContent(w, htmlType)
}

// restoreVersion makes a version of an object the current one.
func (f *Face) restoreVersion(w http.ResponseWriter, r *http.Request, c *call) error {
	if r.ContentLength != 0 {
		return refuse(http.StatusBadRequest, "PUT version-id requests require a zero byte body")
	}
	obj, err := f.objects.RestoreVersion(r.Context(), c.Ref)
	if errs.Of(err) == errs.NotFound && errs.ReasonOf(err) == errs.NoObject {
		return refuse(http.StatusNotFound, "The specified version does not exist")
	}
	if err != nil {
		return err
	}
	return stored(w, &obj)
}

// postVersion refuses to change one version.
func (f *Face) postVersion(http.ResponseWriter, *http.Request, *call) error {
	return refuse(http.StatusBadRequest, "POST to a specific version is not allowed")
}

// getVersions lists the versions of a container's objects, always as JSON.
func (f *Face) getVersions(w http.ResponseWriter, r *http.Request, c *call) error {
	marker, format := "", ""
	for key, value := range params(r.URL.RawQuery) {
		switch key {
		case "version_marker":
			marker = value
		case "format":
			format = value
		}
	}
	l, err := listingOf(r)
	if err != nil {
		return err
	}
	accepted := format == "json"
	if format == "" {
		_, err := httpkit.Negotiate(strings.Join(r.Header["Accept"], ","), "application/json")
		accepted = err == nil
	}
	switch {
	case !accepted:
		return refuse(http.StatusNotAcceptable, "")
	case marker != "" && l.Marker == "":
		return refuse(http.StatusBadRequest, "version_marker param requires marker")
	}
	l.format = jsonFormat
	container, entries, err := f.objects.ListVersions(r.Context(), c.Ref, gateway.VersionOptions{ListOptions: l.ListOptions, VersionMarker: marker})
	if err != nil {
		return err
	}
	f.setContainer(w, &container, &l)
	f.pages.write(w, r, &l, document{
		rows: len(entries), head: jsonList, tail: "]", empty: "[]",
		row: func(b []byte, i int) []byte { return appendVersionJSON(comma(b, i), &entries[i]) },
	})
	return nil
}

func appendVersionJSON(b []byte, e *gateway.VersionEntry) []byte {
	if e.Subdir != "" {
		return appendSubdirJSON(b, e.Subdir)
	}
	b = appendObjectJSON(b, &gateway.Entry{Object: e.Object})
	b = append(b[:len(b)-1], `, "version_id": "`...)
	b = append(append(b, e.Object.Version...), `", "is_latest": `...)
	if e.Latest {
		return append(b, "true}"...)
	}
	return append(b, "false}"...)
}

// locations are the settings of a container that name the one for versions.
var locations = [...]struct{ name, wire, remove string }{
	{"versions-location", "X-Versions-Location", "X-Remove-Versions-Location"},
	{"history-location", "X-History-Location", "X-Remove-History-Location"},
}

// versionsChange reads what a request changes about versions.
func versionsChange(h http.Header, change *gateway.ContainerChange) error {
	for _, l := range locations {
		v := setting(h, l.wire, l.remove)
		if v == nil {
			continue
		}
		name, ok := httpkit.Unescape(*v, false)
		if !ok {
			return refuse(http.StatusPreconditionFailed, l.wire+" is not percent-encoded")
		}
		if change.Headers == nil {
			change.Headers = gateway.Properties{}
		}
		change.Headers[l.name] = name
	}
	if values, ok := h["X-Versions-Enabled"]; ok {
		on := isTrue(joined(values))
		change.Versioned = &on
	}
	return nil
}

// setVersions shows how a container keeps versions.
func (a *answer) setVersions(c *gateway.Container) {
	for _, l := range locations {
		if v := c.Headers[l.name]; v != "" {
			a.set(l.wire, httpkit.EscapePath(v))
		}
	}
	switch {
	case c.Versioned:
		a.set("X-Versions-Enabled", "True")
	case c.WasVersioned:
		a.set("X-Versions-Enabled", "False")
	}
}
