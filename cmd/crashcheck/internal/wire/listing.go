package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// An Entry is one row of a listing.
type Entry struct {
	Name string
	Size int64  // -1: the format does not tell
	MD5  string // "": the format does not tell
}

// A Format is a way in which Swift lists.
type Format string

// The formats.
const (
	JSON  Format = "json"
	XML   Format = "xml"
	Plain Format = "plain"
)

// Formats returns all of them.
func Formats() []Format { return []Format{JSON, XML, Plain} }

// List lists the objects of a container with a prefix, page by page.
func (c *Client) List(ctx context.Context, container string, format Format, prefix string, page int) ([]Entry, error) {
	var all []Entry
	for marker := ""; ; {
		query := url.Values{"format": {string(format)}, "limit": {strconv.Itoa(page)}, "prefix": {prefix}, "marker": {marker}}
		a := c.Do(ctx, Request{Door: Swift, Method: http.MethodGet, Container: container, Query: query.Encode()})
		if a.Err != nil || a.Status != http.StatusOK && a.Status != http.StatusNoContent {
			return nil, fmt.Errorf("listing %s as %s: status %d, %v", container, format, a.Status, a.Err)
		}
		rows, err := decodeListing(format, a.Body)
		if err != nil {
			return nil, fmt.Errorf("listing %s as %s: %w", container, format, err)
		}
		all = append(all, rows...)
		if len(rows) < page {
			return all, nil
		}
		marker = rows[len(rows)-1].Name
	}
}

func decodeListing(format Format, text []byte) ([]Entry, error) {
	var all []Entry
	switch format {
	case JSON:
		var rows []struct {
			Name  string
			Bytes int64
			Hash  string
		}
		if err := json.Unmarshal(text, &rows); err != nil {
			return nil, err
		}
		for _, r := range rows {
			all = append(all, Entry{r.Name, r.Bytes, r.Hash})
		}
	case XML:
		var list struct {
			Object []struct {
				Name  string `xml:"name"`
				Bytes int64  `xml:"bytes"`
				Hash  string `xml:"hash"`
			} `xml:"object"`
		}
		if err := xml.Unmarshal(text, &list); err != nil {
			return nil, err
		}
		for _, r := range list.Object {
			all = append(all, Entry{r.Name, r.Bytes, r.Hash})
		}
	case Plain:
		for line := range strings.Lines(string(text)) {
			all = append(all, Entry{strings.TrimSuffix(line, "\n"), -1, ""})
		}
	}
	return all, nil
}

const propfind = `<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><D:getcontentlength/></D:prop></D:propfind>`

type multistatus struct {
	Response []struct {
		Href     string `xml:"DAV: href"`
		Propstat []struct {
			Status string `xml:"DAV: status"`
			ETag   string `xml:"DAV: prop>getetag"`
			Length string `xml:"DAV: prop>getcontentlength"`
		} `xml:"DAV: propstat"`
	} `xml:"DAV: response"`
}

// Tree lists what a drive shows below a folder of a container ("" for all of
// it), in the order of the answer. Folders end in a slash and have the size
// -1. depth is 1 or infinity.
func (c *Client) Tree(ctx context.Context, container, folder, depth string) ([]Entry, error) {
	a := c.Do(ctx, Request{
		Door: DAV, Method: "PROPFIND", Container: container, Object: folder, Header: map[string]string{"Depth": depth},
		Body: strings.NewReader(propfind), Size: int64(len(propfind)),
	})
	if a.Err != nil || a.Status != http.StatusMultiStatus {
		return nil, fmt.Errorf("PROPFIND of %s/%s: status %d, %v", container, folder, a.Status, a.Err)
	}
	var ms multistatus
	if err := xml.NewDecoder(bytes.NewReader(a.Body)).Decode(&ms); err != nil {
		return nil, err
	}
	root, err := url.PathUnescape(strings.TrimSuffix(c.Target(DAV, container, ""), "/") + "/")
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, r := range ms.Response {
		href, err := url.PathUnescape(r.Href)
		name, ok := strings.CutPrefix(href, root)
		if err != nil || !ok {
			return nil, fmt.Errorf("PROPFIND of %s: the reference %q is not below it", container, r.Href)
		}
		if name == folder {
			continue
		}
		e := Entry{Name: name, Size: -1}
		for _, p := range r.Propstat {
			if strings.Contains(p.Status, " 200 ") && p.Length != "" {
				e.MD5 = strings.Trim(p.ETag, `"`)
				if e.Size, err = strconv.ParseInt(p.Length, 10, 64); err != nil {
					return nil, err
				}
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// Discard is a reader of answers whose body does not matter.
func Discard(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
