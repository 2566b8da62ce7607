package names

import (
	"strings"

	"entrepot/gateway/errs"
)

// Limits of the names of spaces, in bytes.
const (
	minSpace = 3
	maxSpace = 42
)

// Space checks the name of a space to be made (DuraCloud REST API, "Space
// ID"): 3 to 42 lower-case letters, digits, periods and dashes, beginning with
// a letter. The texts are DuraCloud's own, for clients show them.
func Space(name string) error {
	switch trimmed := strings.TrimSpace(name); {
	case len(trimmed) < minSpace || len(trimmed) > maxSpace:
		return badID("Space ID must be between 3 and 42 characters long")
	case strings.ContainsFunc(name, notInSpace):
		return badID("Only lowercase letters, numbers, periods, and dashes may be used in a Space ID")
	case name[0] < 'a':
		return badID("A Space ID must begin with a lowercase letter.")
	case digitAfterLastPeriod(name):
		return badID("The last period in a Space ID may not be immediately followed by a number.")
	case strings.HasSuffix(name, "-"):
		return badID("A Space ID must end with a lowercase letter, number, or period")
	case strings.Contains(name, ".."), strings.Contains(name, "-."), strings.Contains(name, ".-"):
		return badID("A Space ID must not contain '..' '-.' or '.-'")
	}
	return nil
}

func badID(text string) error { return errs.New("names", errs.Invalid, errs.BadName, text) }

func notInSpace(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-'
}

func digitAfterLastPeriod(name string) bool {
	i := strings.LastIndexByte(name, '.')
	return i >= 0 && i+1 < len(name) && name[i+1] >= '0' && name[i+1] <= '9'
}

// Item checks the name of an item to be put into a space (DuraCloud REST API,
// "Content ID"): as Object, without "?" and "\", control characters, path
// elements "." and "..", a slash at its end, and at most 1,024 bytes also when
// it is form-encoded.
func Item(name string) error {
	switch {
	case strings.Contains(name, "?"):
		return badID("Content ID may not include the '?' character")
	case strings.Contains(name, `\`):
		return badID(`Content ID may not include the '\' character`)
	case len(name) > MaxObject || formLength(name) > MaxObject:
		return errs.New("names", errs.Invalid, errs.NameTooLong, "Content ID must <= 1024 bytes after URL and UTF-8 encoding")
	case Text(name) != nil, name == "", hasControl(name), strings.HasSuffix(name, "/"), hasDots(name):
		return badID("Content ID is not valid")
	}
	return Object(name)
}

// formLength is how long a name is when it is encoded as a form's field.
func formLength(name string) int {
	n := len(name)
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '.', c == '-', c == '*', c == '_', c == ' ':
		default:
			n += 2
		}
	}
	return n
}

func hasDots(name string) bool {
	for element := range strings.SplitSeq(name, "/") {
		if element == "." || element == ".." {
			return true
		}
	}
	return false
}

// Collapse makes runs of slashes one and drops those at the beginning: the
// form in which items are put into a space.
func Collapse(name string) string {
	if !strings.HasPrefix(name, "/") && !strings.Contains(name, "//") {
		return name
	}
	var b strings.Builder
	b.Grow(len(name))
	last := byte('/')
	for i := range len(name) {
		if name[i] != '/' || last != '/' {
			b.WriteByte(name[i])
		}
		last = name[i]
	}
	return b.String()
}
