package store

import "strings"

// directoryTypes are the content types of folder markers.
var directoryTypes = [...]string{"application/directory", "application/x-directory", "application/pseudo-folder"}

// IsDirectoryType tells whether a content type, parameters and case ignored,
// is one of the three that mark a folder.
func IsDirectoryType(contentType string) bool {
	t, _, _ := strings.Cut(contentType, ";")
	t = strings.TrimSpace(t)
	for _, d := range directoryTypes {
		if strings.EqualFold(t, d) {
			return true
		}
	}
	return false
}

// Marks tells whether the object only marks a folder: it has no bytes, and a
// name that ends in a slash or the type of a directory, and was not put as an
// item of a space, nor stands for other objects.
func (o *Object) Marks() bool {
	return o.Content.Size == 0 && !o.Item && !o.Special() && (strings.HasSuffix(o.Name, "/") || IsDirectoryType(o.ContentType))
}

// marks counts what Marks tells; 0 for no object.
func (o *Object) marks() int64 {
	if o != nil && o.Marks() {
		return 1
	}
	return 0
}

// countMarkers adds to the number of folder markers of a container.
func (tx *Tx) countMarkers(id uint64, n int64) {
	if n != 0 {
		tx.tx.Add(counterKey(CountContainerMarkers, u64(id)), n)
	}
}
