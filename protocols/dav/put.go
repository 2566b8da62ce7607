package dav

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// put serves PUT. Everything that can be known early is checked before the
// first read of the body, which is what makes the server send "100 Continue".
func (f *Face) put(q *request) error {
	h := q.r.Header
	if _, ok := h["Content-Range"]; ok {
		// RFC 9110 section 14.5: ignoring it would replace the file by a part.
		return badHeader("a PUT of a part of a file is not supported")
	}
	if _, ok := h["Oc-Chunked"]; ok {
		// What ownCloud's clients once sent large files in: it would store the
		// pieces as files.
		return badHeader("uploads in pieces of version 1 are not supported")
	}
	if q.slash {
		return errs.New("dav.put", errs.Exists, errs.IsFolder, "a file's path does not end in a slash")
	}
	cond, err := f.conditions(q)
	if err != nil {
		return err
	}
	opt, err := putOptions(h)
	if err != nil {
		return err
	}
	if q.mount.path == cloudFiles {
		// Nextcloud's clients compare files by their SHA-1, and ask for it to be
		// computed behind every PUT that did not bring one.
		opt.Digests = appendDigest(opt.Digests, "sha1", "")
	}
	opt.Conditions = cond
	ref := f.resolve(q.ctx(), q.ref)
	opt.Size, opt.Expected, opt.Waiting = q.r.ContentLength, expectedSize(q.r), h.Get("Expect") != ""
	result, err := f.objects.Put(q.ctx(), ref, bodyReader{q.r.Body}, opt)
	if err != nil {
		return err
	}
	sendPut(q.w, opt, result)
	return nil
}

// putOptions decodes the headers that describe a body.
func putOptions(h http.Header) (gateway.PutOptions, error) {
	opt := gateway.PutOptions{Drive: true, ContentType: strings.TrimSpace(h.Get("Content-Type"))}
	if gateway.IsDirectoryType(opt.ContentType) {
		opt.ContentType = "" // a PUT makes a file, whatever it is called
	}
	for _, name := range []string{"Content-Encoding", "Content-Language", "Content-Disposition"} {
		if value := h.Get(name); value != "" && !strings.EqualFold(value, "identity") {
			if opt.Headers == nil {
				opt.Headers = gateway.Properties{}
			}
			opt.Headers[strings.ToLower(name)] = value
		}
	}
	opt.Modified, _ = parseEpoch(h.Get("X-Oc-Mtime"))
	opt.Created, _ = parseEpoch(h.Get("X-Oc-Ctime"))
	var err error
	opt.Digests, err = digests(h)
	return opt, err
}

// expectedSize returns the length that a client promises in any of its ways,
// -1 when it does not.
func expectedSize(r *http.Request) int64 {
	if r.ContentLength >= 0 {
		return r.ContentLength
	}
	for _, name := range []string{"X-Expected-Entity-Length", "Oc-Total-Length"} {
		if n, err := strconv.ParseInt(strings.TrimSpace(r.Header.Get(name)), 10, 64); err == nil && n >= 0 {
			return n
		}
	}
	return -1
}

// digests collects what the client promises of the bytes: OC-Checksum,
// Content-MD5 (RFC 1864), Digest (RFC 3230), Content-Digest (RFC 9530), and
// Swift's ETag. Algorithms that are not known are left out.
func digests(h http.Header) ([]gateway.Digest, error) {
	var list []gateway.Digest
	for item := range strings.FieldsSeq(h.Get("Oc-Checksum")) {
		if algorithm, sum, ok := strings.Cut(item, ":"); ok {
			list = appendDigest(list, algorithm, strings.ToLower(sum))
		}
	}
	if value := h.Get("Content-Md5"); value != "" {
		sum, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err != nil || len(sum) != 16 {
			return nil, badHeader("the Content-MD5 header is not a digest")
		}
		list = appendDigest(list, "md5", hex.EncodeToString(sum))
	}
	for _, name := range []string{"Digest", "Content-Digest"} {
		for item := range strings.SplitSeq(strings.Join(h.Values(name), ","), ",") {
			algorithm, value, ok := strings.Cut(strings.TrimSpace(item), "=")
			if name == "Digest" && strings.EqualFold(algorithm, "adler32") {
				list = appendDigest(list, algorithm, strings.ToLower(value)) // alone of all in hexadecimal
				continue
			}
			sum, err := base64.StdEncoding.DecodeString(strings.Trim(value, ":"))
			if ok && err == nil {
				list = appendDigest(list, algorithm, hex.EncodeToString(sum))
			}
		}
	}
	if sum := strings.Trim(h.Get("Etag"), `"`); len(sum) == 32 {
		list = appendDigest(list, "md5", strings.ToLower(sum))
	}
	return list, nil
}

// appendDigest adds a digest whose algorithm the gateway knows.
func appendDigest(list []gateway.Digest, algorithm, sum string) []gateway.Digest {
	switch a := strings.ReplaceAll(strings.ToLower(algorithm), "-", ""); a {
	case "md5", "sha256", "sha512":
		return append(list, gateway.Digest{Algorithm: a, Sum: sum})
	case "adler32": // leading zeros may be left out
		return append(list, gateway.Digest{Algorithm: a, Sum: strings.Repeat("0", max(8-len(sum), 0)) + sum})
	case "sha", "sha1":
		return append(list, gateway.Digest{Algorithm: "sha1", Sum: sum})
	}
	return list
}

// sendPut answers a PUT that was committed.
func sendPut(w http.ResponseWriter, opt gateway.PutOptions, result gateway.PutResult) {
	h := w.Header()
	h["Oc-Etag"] = setValidators(h, result.Object)
	setChecksum(h, result.Object)
	timesAccepted(h, opt.Modified, opt.Created)
	if result.Created {
		h.Set("Content-Length", "0")
		w.WriteHeader(http.StatusCreated)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// bodyReader classifies failed reads of a request body, so that the gateway
// sees a broken transfer and not a broken disk.
type bodyReader struct{ body io.Reader }

// Read implements io.Reader.
func (b bodyReader) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.EOF comes bare from a body
		err = readFailure(err)
	}
	return n, err
}
