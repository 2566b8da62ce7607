package auth

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// minPasswordSigns is how long a password must be that is not called weak.
const minPasswordSigns = 8

// WeakPassword tells why a password is too easy to guess for an administrator,
// "" when it is not: fewer than eight signs, the user's name, one sign or a run
// repeated, or among the first that everybody tries.
func WeakPassword(user, password string) (reason string) {
	plain := strings.ToLower(password)
	switch {
	case utf8.RuneCountInString(password) < minPasswordSigns:
		return "it has fewer than " + strconv.Itoa(minPasswordSigns) + " signs"
	case user != "" && strings.Trim(strings.ReplaceAll(plain, strings.ToLower(user), ""), "0123456789!?.-_ ") == "":
		return "it is the user's name"
	case repeats(plain):
		return "it repeats itself"
	case slices.Contains(firstGuesses(), strings.TrimRight(plain, "0123456789!?.")), slices.Contains(firstGuesses(), plain):
		return "everybody tries it first"
	}
	return ""
}

// repeats tells whether a text is a shorter one of up to four bytes over and
// over.
func repeats(s string) bool {
	for n := 1; n <= 4 && n < len(s); n++ {
		if strings.HasPrefix(strings.Repeat(s[:n], len(s)/n+1), s) {
			return true
		}
	}
	return false
}

// firstGuesses are the passwords that guessing programs begin with, in lower
// case; digits at their end make no difference.
func firstGuesses() []string {
	return strings.Fields("password passwort passw0rd p@ssw0rd p@ssword administrator changeme changeit letmein welcome default secret" +
		" qwertyui qwertyuiop qwertz qwerty asdfghjk asdfghjkl iloveyou sunshine princess football baseball superman trustno minioadmin" +
		" entrepot storage 12345678 123456789 1234567890 87654321 abcdefgh abcd1234 1q2w3e4r 1qaz2wsx q1w2e3r4 zaq12wsx testing")
}
