// Package names checks the names that every face shares: accounts, users,
// containers and objects. Names are bytes of UTF-8 and are kept as sent;
// nothing here knows percent signs or changes a name. The functions are pure.
package names

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"entrepot/gateway/errs"
)

// Limits of names, in bytes.
const (
	MaxAccount   = 256
	MaxUser      = 128
	MaxContainer = 256
	MaxObject    = 1024
)

func bad(reason errs.Reason, format string, args ...any) error {
	return errs.New("names", errs.Invalid, reason, fmt.Sprintf(format, args...))
}

// Text checks what every name is: valid UTF-8 without NUL.
func Text(s string) error {
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		return bad(errs.BadName, "Invalid UTF8 or contains NULL")
	}
	return nil
}

// Account checks the name of an account: no colon, slash or control character,
// and not ending in a dot and digits (that spelling belongs to the further
// stores of an account).
func Account(name string) error {
	if err := login(name, MaxAccount, "an account"); err != nil {
		return err
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 && i < len(name)-1 && strings.Trim(name[i+1:], "0123456789") == "" {
		return bad(errs.BadName, "an account name does not end in a dot and digits")
	}
	return nil
}

// User checks a login name: 1 to 128 bytes without control characters, comma,
// slash and colon (which separate names in lists, paths and credentials).
func User(name string) error { return login(name, MaxUser, "a user") }

func login(name string, limit int, what string) error {
	if err := Text(name); err != nil {
		return err
	}
	switch {
	case name == "":
		return bad(errs.BadName, "%s name cannot be empty", what)
	case len(name) > limit:
		return bad(errs.NameTooLong, "%s name has at most %d bytes", what, limit)
	case name == "." || name == "..":
		return bad(errs.BadName, "%s name cannot be a dot or two", what)
	case strings.ContainsAny(name, ":/,") || hasControl(name):
		return bad(errs.BadName, "%s name holds no colon, slash, comma or control character", what)
	case strings.TrimSpace(name) != name:
		return bad(errs.BadName, "%s name does not begin or end with a blank", what)
	}
	return nil
}

// Container checks the name of a container: 1 to 256 bytes, no slash, not one
// of the names that are reserved on every face.
func Container(name string) error {
	if err := Text(name); err != nil {
		return err
	}
	switch {
	case name == "":
		return bad(errs.BadName, "Container name cannot be empty")
	case len(name) > MaxContainer:
		return bad(errs.NameTooLong, "Container name length of %d longer than %d", len(name), MaxContainer)
	case strings.Contains(name, "/"):
		return bad(errs.BadName, "Container names cannot contain slashes")
	case name == "__ROOT__", name == snapshotDir:
		return errs.New("names", errs.Forbidden, errs.BadName, "The container name "+name+" is reserved.")
	}
	return nil
}

// snapshotDir is the first path element under which a container shows its
// snapshots.
const snapshotDir = ".zfs"

// Object checks the name of an object: 1 to 1,024 bytes, and not below the
// reserved first element ".zfs".
func Object(name string) error {
	if err := Text(name); err != nil {
		return err
	}
	switch {
	case name == "":
		return bad(errs.BadName, "Object name cannot be empty")
	case len(name) > MaxObject:
		return bad(errs.NameTooLong, "Object name length of %d longer than %d", len(name), MaxObject)
	case name == snapshotDir, strings.HasPrefix(name, snapshotDir+"/"):
		return errs.New("names", errs.Forbidden, errs.BadName, "Object names below "+snapshotDir+" are reserved.")
	}
	return nil
}

// A SnapshotPath is a path of a container's read-only tree of snapshots:
//
//	.zfs                        Level 1
//	.zfs/snapshot               Level 2: the list of snapshots
//	.zfs/snapshot/NAME          Level 3, Path ""
//	.zfs/snapshot/NAME/a/b      Level 3, Path "a/b"
//
// Level 0 is a path below .zfs that can never be.
type SnapshotPath struct {
	Level      int
	Name, Path string
}

// snapshotList is the folder that lists a container's snapshots.
const snapshotList = snapshotDir + "/snapshot"

// InSnapshots splits a path of a container below ".zfs"; ok is false for all
// other paths.
func InSnapshots(object string) (p SnapshotPath, ok bool) {
	rest, ok := strings.CutPrefix(object, snapshotDir)
	if !ok || rest != "" && rest[0] != '/' {
		return SnapshotPath{}, false
	}
	if strings.Trim(rest, "/") == "" {
		return SnapshotPath{Level: 1}, true
	}
	rest, ok = strings.CutPrefix(object, snapshotList)
	if !ok || rest != "" && rest[0] != '/' {
		return SnapshotPath{}, true
	}
	name, path, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	if name == "" {
		return SnapshotPath{Level: 2}, true
	}
	return SnapshotPath{Level: 3, Name: name, Path: path}, true
}

// String returns the path in its canonical form: with a slash at its end
// where it names a folder above what a snapshot shows.
func (p SnapshotPath) String() string {
	switch p.Level {
	case 1:
		return snapshotDir + "/"
	case 2:
		return snapshotList + "/"
	}
	return p.Base() + p.Path
}

// Base returns the path at which the snapshot's tree hangs, with its slash.
func (p SnapshotPath) Base() string { return snapshotList + "/" + p.Name + "/" }

// hasControl tells whether s holds a C0 control character or DEL.
func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// inXML tells whether XML can carry s: no control characters, neither U+FFFE
// nor U+FFFF (XML 1.0 section 2.2).
func inXML(s string) bool {
	return !hasControl(s) && !strings.Contains(s, "\ufffe") && !strings.Contains(s, "\uffff")
}

// OnDrive tells whether a mounted drive can show an object's name: only
// characters that XML can carry, and no path element that is empty, "." or
// "..". A folder's trailing slash is allowed.
func OnDrive(name string) bool {
	begin, ascii := 0, true // of the element
	for i := range len(name) {
		switch c := name[i]; {
		case c < 0x20 || c == 0x7f:
			return false
		case c >= 0x80:
			ascii = false
		case c == '/':
			if i == begin || dots(name[begin:i]) {
				return false
			}
			begin = i + 1
		}
	}
	return !dots(name[begin:]) && (ascii || inXML(name))
}

// dots tells whether a path element means another folder.
func dots(element string) bool { return element == "." || element == ".." }

// DriveName tells whether a container's name can stand in a drive's path.
func DriveName(name string) bool {
	return !dots(name) && inXML(name)
}

// Parent returns the folder that holds a name, with its slash; "" for a name
// directly in the container. The parent of "a/b/" is "a/".
func Parent(name string) string {
	name = strings.TrimSuffix(name, "/")
	return name[:strings.LastIndexByte(name, '/')+1]
}

// Ancestors returns the folders above a name, outermost first, without their
// slashes: "a", "a/b" for "a/b/c" and for "a/b/c/".
func Ancestors(name string) []string {
	name = strings.TrimSuffix(name, "/")
	var list []string
	for i := range len(name) {
		if name[i] == '/' {
			list = append(list, name[:i])
		}
	}
	return list
}
