package swift

import (
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"entrepot/gateway"
	"entrepot/gateway/errs"
)

// Prefixes of the headers that carry properties, in canonical spelling.
const (
	accountMeta   = "X-Account-Meta-"
	containerMeta = "X-Container-Meta-"
	objectMeta    = "X-Object-Meta-"

	removeAccountMeta   = "X-Remove-Account-Meta-"
	removeContainerMeta = "X-Remove-Container-Meta-"
)

// Limits of the properties in one request (Swift's constraints). The core
// holds the same limits against what would be stored.
const (
	maxMetaName    = 128  // bytes of a name, without prefix
	maxMetaValue   = 256  // bytes of a value
	maxMetaCount   = 90   // properties
	maxMetaOverall = 4096 // bytes of all names and values
)

// properties reads the headers that begin with prefix, under names in lower
// case with "-" for "_". Failures are errs.Invalid and errs.BadMetadata with
// Swift's text.
func properties(h http.Header, prefix string) (gateway.Properties, error) {
	var props gateway.Properties
	total := 0
	for key, values := range h {
		name, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		value := joined(values)
		if err := checkProperty(prefix, name, value); err != nil {
			return nil, err
		}
		if props == nil {
			props = gateway.Properties{}
		}
		props[propertyName(name)] = value
		total += len(name) + len(value)
	}
	switch {
	case len(props) > maxMetaCount:
		return nil, badMetadata("Too many metadata items; max %d", maxMetaCount)
	case total > maxMetaOverall:
		return nil, badMetadata("Total metadata too large; max %d", maxMetaOverall)
	}
	return props, nil
}

// changes reads properties that are merged into stored ones: those with an
// empty value, and those that a removing header names and no other sets, are
// to be removed and have an empty value.
func changes(h http.Header, prefix, removePrefix string) (gateway.Properties, error) {
	props, err := properties(h, prefix)
	if err != nil {
		return nil, err
	}
	for key := range h {
		name, ok := strings.CutPrefix(key, removePrefix)
		if !ok || name == "" {
			continue
		}
		if len(name) > maxMetaName {
			return nil, badMetadata("Metadata name too long: %s%s", strings.ToLower(removePrefix), name)
		}
		name = propertyName(name)
		if _, set := props[name]; !set {
			if props == nil {
				props = gateway.Properties{}
			}
			props[name] = ""
		}
	}
	return props, nil
}

// checkProperty holds one property against the limits of its own.
func checkProperty(prefix, name, value string) error {
	switch {
	case name == "":
		return badMetadata("Metadata name cannot be empty")
	case len(name) > maxMetaName:
		return badMetadata("Metadata name too long: %s%s", strings.ToLower(prefix), name)
	case len(value) > maxMetaValue:
		return badMetadata("Metadata value longer than %d: %s%s", maxMetaValue, strings.ToLower(prefix), name)
	case !utf8.ValidString(value) || strings.IndexByte(value, 0) >= 0:
		return badMetadata("Metadata must be valid UTF-8")
	}
	return nil
}

func badMetadata(format string, args ...any) error {
	return errs.New("swift.metadata", errs.Invalid, errs.BadMetadata, fmt.Sprintf(format, args...))
}

// propertyName turns the end of a header name into a property's name.
func propertyName(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "_", "-")
}

// headerName is the spelling of a property in an answer: prefix and name in
// title case, with one allocation.
func headerName(prefix, name string) string {
	b := make([]byte, 0, len(prefix)+len(name))
	b = append(b, prefix...)
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper = c == '-'
		b = append(b, c)
	}
	return string(b)
}

// joined is the value of a header that may have come several times.
func joined(values []string) string {
	if len(values) == 1 {
		return strings.Trim(values[0], " \t")
	}
	return strings.Trim(strings.Join(values, ","), " \t")
}

// isTrue tells whether a value is one of Swift's words for yes.
func isTrue(s string) bool {
	switch strings.ToLower(s) {
	case "true", "1", "yes", "on", "t", "y":
		return true
	}
	return false
}
