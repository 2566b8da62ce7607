package gateway

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"entrepot/auth"
	"entrepot/gateway/errs"
	"entrepot/gateway/names"
	"entrepot/store"
)

// Large objects and links
//
// A static large object stores a manifest: the list of other objects, parts of
// them and short runs of bytes that are joined when it is read. It knows their
// sizes and digests, and reading fails where one has changed. A dynamic large
// object stores a header that names a container and a prefix: what a reader
// gets are all objects there whose names begin with the prefix, in byte order,
// as they are at that moment. A link stores the name of one other object.
//
// Every read through every door goes through the same three steps: find
// (read.go) follows links and evaluates dynamic objects (resolve.go), and
// opens content, which for large ones opens its parts one after the other
// while it is sent (joined.go). The reader needs the right to read each part.
//
// What refers to other objects names them without an account: they are in the
// account of the object, or where it was made if it was carried to another
// account since (store.Object.Refers).

// LargeKind says how the content of an object comes about.
type LargeKind uint8

// The kinds. A link has the kind of what it leads to.
const (
	Plain   LargeKind = iota // the content is stored under the name
	Static                   // joined by a manifest
	Dynamic                  // joined by a prefix, header x-object-manifest
)

// A Link says where a link leads to.
type Link struct {
	Ref
	// ETag is what the target's entity tag must be, "" for any; Size was the
	// size of a target with such a tag when the link was made.
	ETag string
	Size int64
}

// ReadOptions say what a read returns. The zero value joins large objects and
// follows links.
type ReadOptions struct {
	Conditions Conditions
	// Manifest shows what a large object itself stores: the manifest's text
	// (Objects.Manifest has it decoded), for a dynamic one usually nothing.
	Manifest bool
	// Link shows a link itself, which has no content.
	Link bool
}

const (
	// maxHops is how many links one read follows; Swift's number.
	maxHops = 2
	// maxDepth is how deep static large objects may be parts of each other;
	// Swift's number.
	maxDepth = 10
	// maxDynamic is how many objects one dynamic large object may join.
	maxDynamic = 100_000
)

// refersTo is the account that the names are in which an object refers to.
func refersTo(account string, o *store.Object) string {
	if o.Refers != "" {
		return o.Refers
	}
	return account
}

// carried notes where an object's parts or target are when it is carried to
// another account.
func carried(o *store.Object, from, to string) {
	if from == to || !o.Special() {
		return
	}
	if o.Refers == "" {
		o.Refers = from
	} else if o.Refers == to {
		o.Refers = ""
	}
}

// splitManifest reads the header of a dynamic large object: a container and a
// prefix of names, percent-encoded, with a slash between them. Neither may be
// empty, nor hold what would be a query of a URL.
func splitManifest(value string) (container, prefix string, ok bool) {
	if strings.ContainsAny(value, "?&") {
		return "", "", false
	}
	if text, err := url.PathUnescape(value); err == nil {
		value = text
	}
	container, prefix, _ = strings.Cut(value, "/")
	ok = container != "" && prefix != "" && utf8.ValidString(value) && strings.IndexByte(value, 0) < 0 &&
		names.Container(container) == nil && len(prefix) <= names.MaxObject
	return container, prefix, ok
}

// checkReferring judges a header or a link that makes an object stand for
// others. What a signed URL permits ends at the object that it names.
func checkReferring(p auth.Principal, headers Properties, link *store.Link) error {
	value := headers[store.HeaderManifest]
	switch {
	case value == "" && link == nil:
		return nil
	case p.Grant != nil:
		return errs.New("objects", errs.Invalid, "", "A signed request cannot store what stands for other objects.")
	case value == "":
		return nil
	}
	if _, _, ok := splitManifest(value); !ok {
		return errs.New("objects", errs.Invalid, "", "X-Object-Manifest must be in the format container/prefix")
	}
	return nil
}

func badSegment(err error) error {
	return errs.Wrap("objects.Open", errs.Conflict, errs.BadSegment, err)
}
