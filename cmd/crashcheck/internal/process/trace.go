package process

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// An Injection is a system call that strace tampered with.
type Injection struct {
	Call string
	Path string // of the first descriptor or name in its arguments
	Line string
}

// Injections reads strace's notes. A file that is not there has none.
func Injections(path string) ([]Injection, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return parseTrace(string(text)), err
}

// parseTrace finds the tampered calls in strace's notes:
//
//	123 fdatasync(5</data/entrepot.db>) = -1 EIO (Input/output error) (INJECTED)
//
// A call that another thread interrupted stands in two lines, the second of
// which lacks the arguments.
func parseTrace(text string) []Injection {
	line := regexp.MustCompile(`^(\d+) +(<\.\.\. )?(\w+)(.*)$`)
	name := regexp.MustCompile(`<([^<>]+)>|"([^"]*)"`)
	begun := map[string]string{} // by thread: the arguments of an interrupted call
	var out []Injection
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		m := line.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		thread, resumed, call, rest := m[1], m[2] != "", m[3], m[4]
		if strings.Contains(l, "<unfinished ...>") {
			begun[thread] = rest
			continue
		}
		if resumed {
			rest = begun[thread] + rest
		}
		if !strings.Contains(l, "(INJECTED)") {
			continue
		}
		i := Injection{Call: call, Line: l}
		for _, found := range name.FindAllStringSubmatch(rest, -1) {
			if path := found[1] + found[2]; i.Path == "" || strings.Contains(path, "/") && !strings.Contains(i.Path, "/") {
				i.Path = path
			}
		}
		out = append(out, i)
	}
	return out
}

// CanTrace tells why strace cannot be used here, nil when it can.
func CanTrace() error {
	if _, err := exec.LookPath("strace"); err != nil {
		return err
	}
	if out, err := exec.Command("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "true").CombinedOutput(); err != nil {
		return errors.New("strace cannot trace here: " + strings.TrimSpace(string(out)))
	}
	return nil
}
