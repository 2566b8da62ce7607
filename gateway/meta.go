package gateway

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"entrepot/gateway/errs"
)

// Limits of properties, those of Swift: they bind all writers of the map.
const (
	maxMetaName  = 128
	maxMetaValue = 256
	maxMetaCount = 90
	maxMetaTotal = 4096
	maxHeader    = 8192 // bytes of one kept header or content type
)

func badMeta(format string, args ...any) error {
	return errs.New("meta", errs.Invalid, errs.BadMetadata, fmt.Sprintf(format, args...))
}

// checkMeta judges the properties of one kind of thing ("account",
// "container", "object") as they come in.
func checkMeta(properties Properties, kind string) error {
	total := 0
	for name, value := range properties {
		if err := checkItem(name, value, kind); err != nil {
			return err
		}
		total += len(name) + len(value)
	}
	if len(properties) > maxMetaCount {
		return badMeta("Too many metadata items; max %d", maxMetaCount)
	}
	if total > maxMetaTotal {
		return badMeta("Total metadata too large; max %d", maxMetaTotal)
	}
	return nil
}

func checkItem(name, value, kind string) error {
	switch {
	case name == "":
		return badMeta("Metadata name cannot be empty")
	case !utf8.ValidString(name) || !utf8.ValidString(value):
		return badMeta("Metadata must be valid UTF-8")
	case len(name) > maxMetaName:
		return badMeta("Metadata name too long: x-%s-meta-%s", kind, name)
	case len(value) > maxMetaValue:
		return badMeta("Metadata value longer than %d: x-%s-meta-%s", maxMetaValue, kind, name)
	case strings.ContainsAny(value, "\r\n\x00") || strings.ContainsAny(name, "\r\n\x00:"):
		return badMeta("Metadata must not contain line breaks")
	}
	return nil
}

// checkHeaders judges the headers that are kept with an object.
func checkHeaders(contentType string, headers Properties) error {
	if !utf8.ValidString(contentType) || len(contentType) > maxHeader || strings.ContainsAny(contentType, "\r\n\x00") {
		return errs.New("meta", errs.Invalid, errs.BadMetadata, "Invalid Content-Type")
	}
	for name, value := range headers {
		if len(value) > maxHeader || strings.ContainsAny(value, "\r\n\x00") {
			return badMeta("Invalid header: %s", name)
		}
	}
	return nil
}

// merge applies changes to properties: an empty value removes.
func merge(old, changes Properties) Properties {
	out := make(Properties, len(old)+len(changes))
	for k, v := range old {
		out[k] = v
	}
	for k, v := range changes {
		if v == "" {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}

// mergeMeta merges changes into the properties of an account or container:
// limits bind the request and the stored total.
func mergeMeta(old, changes Properties, kind string) (Properties, error) {
	if err := checkMeta(changes, kind); err != nil {
		return nil, err
	}
	merged := merge(old, changes)
	return merged, checkMeta(merged, kind)
}
