package store

import "golang.org/x/text/cases"

// Fold returns the form of a login name that comparisons use (Unicode case
// folding), so that a user is found however the name is typed.
func Fold(name string) string {
	for i := range len(name) {
		if c := name[i]; c >= 0x80 {
			return cases.Fold().String(name)
		} else if 'A' <= c && c <= 'Z' {
			return foldASCII(name)
		}
	}
	return name
}

func foldASCII(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c >= 0x80 {
			return cases.Fold().String(name)
		}
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
