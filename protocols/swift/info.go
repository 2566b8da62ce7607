package swift

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/gateway/errs"
	"entrepot/protocols/internal/httpkit"
)

// compatible is the Swift release whose behaviour the door has.
const compatible = "2.30.1"

// infoBody is the body of /info. Clients switch features by its top-level
// keys, so it lists what works and nothing else.
func infoBody(cfg Config) []byte {
	b := []byte(`{"swift": {"version": "` + compatible + `", "strict_cors_mode": true, "policies": [`)
	for i, p := range cfg.Policies {
		b = appendJSON(append(comma(b, i), `{"name": `...), p.Name)
		if i == 0 {
			b = append(b, `, "default": true`...)
		}
		names := strings.Join(append([]string{p.Name}, p.Aliases...), ", ")
		b = append(appendJSON(append(b, `, "aliases": `...), names), '}')
	}
	b = append(b, `], "account_autocreate": false, "allow_account_management": `...)
	b = strconv.AppendBool(b, !cfg.NoAccountManagement)
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"max_file_size", cfg.MaxObjectSize},
		{"max_meta_name_length", maxMetaName},
		{"max_meta_value_length", maxMetaValue},
		{"max_meta_count", maxMetaCount},
		{"max_meta_overall_size", maxMetaOverall},
		{"max_header_size", maxHeaderLine},
		{"extra_header_count", 0},
		{"max_object_name_length", 1024},
		{"max_container_name_length", 256},
		{"max_account_name_length", 256},
		{"container_listing_limit", maxListing},
		{"account_listing_limit", maxListing},
	} {
		b = append(append(append(b, `, "`...), limit.name...), `": `...)
		b = strconv.AppendInt(b, limit.value, 10)
	}
	b = append(b, '}')
	for _, feature := range features(cfg) {
		b = append(append(b, ", "...), feature...)
	}
	return append(b, '}')
}

// features are the entries of /info for what the door has beyond the plain
// interface, as JSON.
func features(cfg Config) []string {
	return []string{
		`"tempauth": {"account_acls": true}`, `"container_quotas": {}`, `"account_quotas": {}`,
		`"slo": {"max_manifest_segments": ` + strconv.Itoa(gateway.MaxSegments) + `, "max_manifest_size": ` + strconv.Itoa(maxManifestSize) +
			`, "min_segment_size": 1, "yield_frequency": ` + strconv.Itoa(int(heartbeatEvery.Seconds())) + `, "allow_async_delete": false}`,
		`"symlink": {"symloop_max": 2, "static_links": true}`,
		`"tempurl": {"methods": ["GET", "HEAD", "PUT", "POST", "DELETE"], ` + digestLists(cfg) +
			`, "incoming_allow_headers": [], "incoming_remove_headers": ["x-timestamp"],` +
			` "outgoing_allow_headers": ["x-object-meta-public-*"], "outgoing_remove_headers": ["x-object-meta-*"]}`,
		`"formpost": {` + digestLists(cfg) + `}`,
		`"staticweb": {}`, `"versioned_writes": {"allowed_flags": ["x-versions-location", "x-history-location"]}`, `"object_versioning": {}`,
		`"bulk_delete": {"max_deletes_per_request": ` + strconv.Itoa(maxDeletes) + `, "max_failed_deletes": ` + strconv.Itoa(maxBulkFailures) + `}`,
		`"bulk_upload": {"max_containers_per_extraction": ` + strconv.Itoa(maxExtracted) + `, "max_failed_extractions": ` + strconv.Itoa(maxBulkFailures) + `}`,
	}
}

// digestLists names the digests of signatures, and those to be given up.
func digestLists(cfg Config) string {
	allowed := cfg.SignatureDigests
	if len(allowed) == 0 {
		allowed = auth.SignatureDigests()
	}
	list := func(names []string) string {
		b := []byte{'['}
		for i, name := range names {
			b = appendJSON(comma(b, i), name)
		}
		return string(append(b, ']'))
	}
	var old []string
	if slices.Contains(allowed, auth.SHA1) {
		old = []string{auth.SHA1}
	}
	return `"allowed_digests": ` + list(allowed) + `, "deprecated_digests": ` + list(old)
}

// serveInfo answers what the door can do. The administrators' form of it,
// signed with a key, does not exist here.
func (f *Face) serveInfo(w http.ResponseWriter, r *http.Request) {
	const allow = "HEAD, GET, OPTIONS"
	begin(w, r)
	httpkit.EventOf(r.Context()).Op = "info"
	switch {
	case r.URL.Path != "/info":
		f.fail(w, r, refuse(http.StatusNotFound, ""))
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", allow)
		writeBody(w, r, http.StatusOK, htmlType, "")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		f.fail(w, r, notAllowed(allow, ""))
	case asksForAdmin(r.URL.RawQuery):
		f.fail(w, r, errs.New("swift.info", errs.Unauthenticated, "", ""))
	default:
		h := w.Header()
		h["Content-Type"] = []string{"application/json; charset=UTF-8"}
		h["Content-Length"] = []string{strconv.Itoa(len(f.info))}
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodGet {
			_, _ = w.Write(f.info) // a client that left has no use for the error
		}
	}
}

func asksForAdmin(rawQuery string) bool {
	for key := range params(rawQuery) {
		if key == "swiftinfo_sig" || key == "swiftinfo_expires" {
			return true
		}
	}
	return false
}

// serveHealth answers that the door is open, to any method.
func (f *Face) serveHealth(w http.ResponseWriter, r *http.Request) {
	begin(w, r)
	httpkit.EventOf(r.Context()).Op = "health"
	if r.URL.Path != "/healthcheck" {
		f.fail(w, r, refuse(http.StatusBadRequest, ""))
		return
	}
	writeBody(w, r, http.StatusOK, "text/plain", "OK")
}
