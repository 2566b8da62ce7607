package gateway

import (
	"io"
	"strings"
	"time"

	"entrepot/store"
)

// A Ref names an account, a container in it, or an object in that: the
// trailing parts are empty for the wider things. Names are kept as sent.
type Ref struct {
	Account   string
	Container string
	Object    string
	// Version is which version of the object is read, "" for the current one.
	// Calls that write ignore it, but for DeleteVersion and RestoreVersion.
	Version string
}

// String returns the ref for logs.
func (r Ref) String() string { return r.Account + "/" + r.Container + "/" + r.Object }

// Properties map lower-case names to text. X-Object-Meta-K, x-dura-meta-k and
// the mapped WebDAV namespace are spellings of the same map.
type Properties map[string]string

// Access is what the caller may do with a thing, as far as a face must know it
// to choose what it shows. Whether a call is allowed is decided by the call.
type Access struct {
	Read  bool // objects
	List  bool // names in the container, containers of the account
	Write bool // objects
	Make  bool // containers of the account, without their access lists
	Owner bool // settings and access lists
}

// An Account is a tenant.
type Account struct {
	Name       string
	Created    time.Time
	Properties Properties
	// Containers, Objects and Bytes count what the account holds.
	Containers, Objects, Bytes int64
	// Quota is the limit of Bytes where the account is Limited.
	Quota   int64
	Limited bool
	State   AccountState
	Access  Access
	// ACL is the account's access list; empty unless Access.Owner.
	ACL AccountACL
}

// A Container is a flat, ordered set of objects.
type Container struct {
	ID       uint64
	Account  string
	Name     string
	Depot    uint64
	Creator  string
	Created  time.Time
	Modified time.Time // of settings and properties, not of objects
	// Properties are the user's; Headers are settings that are kept as text
	// under their lower-case wire names without the "x-container-" prefix,
	// such as "sync-to" and "storage-policy".
	Properties Properties
	Headers    Properties
	// ReadACL and WriteACL are the cleaned text of the access list in Swift's
	// grammar; empty unless Access.Owner.
	ReadACL, WriteACL string
	Objects, Bytes    int64
	Access            Access
	// Versioned tells that the container keeps versions; WasVersioned that it
	// does or did.
	Versioned, WasVersioned bool
}

// An Object is one name's content and properties. Of a large object, and of a
// link that was followed, it shows what a reader gets.
type Object struct {
	Name        string
	Size        int64
	MD5         string // lower-case hex of the content; "" of a large object, whose bytes are not known as a whole
	SHA256      string
	SHA1        string // only when it was asked for on the way in
	ContentType string
	// Headers are entity headers kept for the reader, under lower-case names:
	// content-encoding, content-disposition, content-language, cache-control,
	// expires, x-robots-tag, x-object-manifest.
	Headers    Properties
	Properties Properties
	Created    time.Time // when the name was first written
	Timestamp  time.Time // of the last PUT or POST; grows strictly, 10 µs steps
	Modified   time.Time // user-visible modification time: as set, else the PUT's
	DeleteAt   time.Time // zero: never
	// Version is the object's version: Unix seconds with five decimals, or
	// NullVersion; "" where the container never kept versions.
	Version string

	// Large says whether the content is joined from that of other objects.
	Large LargeKind
	// Composite is the entity tag of a large object, made of those of its
	// parts; "" of a dynamic one in Objects.List, which evaluates none.
	Composite string
	// JoinedMD5 is the digest of the bytes that a large object joins, "" where
	// it is not known: see Spaces.LearnDigest.
	JoinedMD5 string
	// ManifestMD5 and ManifestSize are the digest and size of what a large
	// object itself stores.
	ManifestMD5  string
	ManifestSize int64
	// Manifest tells that Size and digests are those of what a large object
	// itself stores: it was asked for with ReadOptions.Manifest.
	Manifest bool
	// Link is where a link leads to that was not followed, nil for other
	// objects; Target is where the links led to that were, else zero.
	Link   *Link
	Target Ref
}

// ETag returns the entity tag of what the object shows, without quotes.
func (o Object) ETag() string {
	if o.Large != Plain && !o.Manifest {
		return o.Composite
	}
	return o.MD5
}

// IsDirectoryType tells whether a content type, parameters and case ignored,
// is one of the three that mark a folder.
func IsDirectoryType(contentType string) bool { return store.IsDirectoryType(contentType) }

// IsMarker tells whether the object marks a folder: a zero-byte object whose
// name ends in a slash or whose type is a directory type.
func (o Object) IsMarker() bool {
	return o.Size == 0 && o.Large == Plain && o.Link == nil && o.Target == (Ref{}) && (strings.HasSuffix(o.Name, "/") || IsDirectoryType(o.ContentType))
}

// Content is the bytes of one version of an object. It stays readable when the
// object is replaced or deleted meanwhile. Close it.
type Content interface {
	io.ReaderAt
	io.Closer
	// Size returns the number of bytes.
	Size() int64
	// WriteRange copies n verified bytes from off to w, in windows of at most
	// 8 MiB of which each is one w.ReadFrom of a file where the content lies
	// in one (so the kernel can send it). A damaged window ends the copy with
	// an error before its first byte is written.
	WriteRange(w io.Writer, off, n int64) (int64, error)
}

// Conditions make a call depend on the state it finds. They are checked before
// a body is read and again in the committing transaction. The zero value is
// always true.
type Conditions struct {
	// IfMatch and IfNoneMatch hold entity tags as hex digests without quotes,
	// or "*". Present and non-matching IfMatch, or matching IfNoneMatch, is
	// errs.Precondition (errs.NotModified for IfNoneMatch on a read).
	IfMatch, IfNoneMatch []string
	// IfModifiedSince and IfUnmodifiedSince compare with Object.Timestamp
	// rounded up to a second, or for a Drive with Object.Modified rounded
	// down; zero: absent.
	IfModifiedSince, IfUnmodifiedSince time.Time
	Drive                              bool

	// Lists is the WebDAV If header: true when any list is; nil when absent.
	Lists []ConditionList
	// Tokens are the lock tokens submitted with the request, in whatever
	// list they stood.
	Tokens []string
}

// A ConditionList is one list of an If header: true when every condition is.
type ConditionList struct {
	// Ref is the tagged resource; nil means the request's own.
	Ref *Ref
	// Foreign marks a tag outside this server: the list is false.
	Foreign    bool
	Conditions []Condition
}

// A Condition is one state token or entity tag of an If header.
type Condition struct {
	Not   bool
	Token string // state token without the brackets
	ETag  string // hex digest without quotes; "" when Token is set
	Weak  bool   // a weak entity tag: never matches
}

// A Digest is what a caller promises of the bytes it sends.
type Digest struct {
	Algorithm string // "md5", "sha1", "sha256", "sha512", "adler32"
	Sum       string // lower-case hex; "": it is computed and compared with nothing
}

// PutOptions say how Put stores a body.
type PutOptions struct {
	// Size is the declared number of bytes, -1 when unknown. A body that ends
	// before it is errs.Incomplete.
	Size int64
	// Waiting tells that the client sends no body before it is asked to
	// (Expect: 100-continue).
	Waiting bool
	// Expected is how many bytes the caller guesses where Size is unknown: it
	// is compared with quotas before the body is read, and binds nothing.
	Expected    int64
	ContentType string // "": from the name's extension, else application/octet-stream
	Headers     Properties
	Properties  Properties
	Modified    time.Time // user-visible modification time; zero: now
	Created     time.Time // creation time; zero: kept or now
	DeleteAt    time.Time
	// Digests are compared with the bytes before anything is committed;
	// errs.Mismatch leaves no trace. An unknown algorithm is not checked.
	Digests    []Digest
	Conditions Conditions

	// Drive applies the rules of a mounted drive: the parent must be a folder
	// (errs.Conflict, NoParent or ParentIsFile), a folder in the way is
	// errs.Exists with IsFolder, dead properties and user properties of a
	// replaced file are kept.
	Drive bool

	// Item applies the rules of a space's item (names.Item, which is judged
	// after the caller's rights): properties of a replaced object that are not
	// sent stay, so does its content type when none is sent; the properties
	// have at most MaxItemProperties bytes instead of Swift's limits; the
	// object is listed in its space whatever its type.
	Item bool
	// copied tells that the content is another object's: nothing of what is
	// replaced is kept.
	copied bool
	// readersOf is store.Object.ReadersOf.
	readersOf uint64
	source    string // see put
	// sum goes on over the body where that is a piece of an upload; nil: none.
	sum *pieceSum
}

// MaxItemProperties bounds the properties of an item in bytes: names and
// values, with those that a space shows by itself (type, size, digest, date).
const MaxItemProperties = 2048

// PutResult is what a write made.
type PutResult struct {
	Object  Object
	Created bool // the name was new
}

// MetaChange is what Objects.SetMeta stores: it replaces properties and
// headers whole, as Swift's POST does.
type MetaChange struct {
	Headers     Properties
	Properties  Properties
	ContentType string // "": keep
	DeleteAt    time.Time
	Tokens      []string // lock tokens submitted
	// Item applies the rules of a space's item: headers other than
	// content-encoding and the time of expiry stay; MaxItemProperties binds.
	Item bool
}

// CopyOptions say how Objects.Copy makes the new object.
type CopyOptions struct {
	// Manifest copies the manifest of a large object, else what it joins is
	// read and stored as one plain object. Link copies a link, else what it
	// leads to.
	Manifest, Link bool
	// Part chooses the run of the source's bytes that is copied, given their
	// number; nil: all. Its error is that of the copy.
	Part func(size int64) (off, n int64, err error)
	// MaxSize is the largest source that is copied, in bytes; 0: no limit of
	// the caller. errs.TooLarge.
	MaxSize int64
	// Fresh carries nothing over but the content type.
	Fresh       bool
	ContentType string     // "": the source's
	Headers     Properties // win over the source's
	Properties  Properties // win over the source's
	DeleteAt    time.Time  // zero: the source's, unless NoExpiry
	NoExpiry    bool       // the copy does not expire
	Item        bool       // the target's name is judged as PutOptions.Item says
	Source      Conditions // on the source
	Target      Conditions // on the destination
}

// ListOptions select a page of names, in byte order.
type ListOptions struct {
	Prefix    string
	Delimiter string
	Marker    string // only names greater (smaller when Reverse)
	EndMarker string // only names smaller (greater when Reverse)
	Limit     int    // at most 10,000; a Limit of 0 gives an empty page
	Reverse   bool
	// Direct leaves out rolled-up rows and shows only names directly under
	// Prefix, with the markers of the folders there (Swift's path=). It implies
	// the delimiter "/".
	Direct bool
	// Into is memory that the page's rows may lie in, such as those of a
	// page that is no longer used.
	Into []Entry
}

// An Entry of a listing is an object, or a rolled-up prefix in Subdir.
type Entry struct {
	Object Object
	Subdir string // not empty for a rolled-up row
}

// ContainerEntry is one row of an account's listing.
type ContainerEntry struct {
	Name           string
	Objects, Bytes int64
	Modified       time.Time
	Subdir         string // not empty for a rolled-up row
}
