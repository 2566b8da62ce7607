package facts

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"entrepot/cmd/crashcheck/internal/body"
	"entrepot/cmd/crashcheck/internal/wire"
)

// Content says what it is: "[token size]" and size bytes that follow from seed
// and token. Contents behind each other read as their tokens behind each other.

const (
	smallSize = 200
	bigSize   = 20_000 // beyond the inline limit: a file of its own
)

// absent is the text of what is not there.
const absent = "absent"

// token returns the name of a new content; a big one lies in a file and is
// counted by Files.
func (b *book) token(big bool) string {
	b.serial++
	if big {
		return fmt.Sprintf("%s%dL", b.name, b.serial)
	}
	return fmt.Sprintf("%s%d", b.name, b.serial)
}

// pack returns the content of a token.
func (b *book) pack(token string) []byte {
	size := int64(smallSize)
	if strings.HasSuffix(token, "L") {
		size = bigSize
	}
	id := body.ID{Seed: b.crew.seed, Origin: token, Size: size}
	var out bytes.Buffer
	fmt.Fprintf(&out, "[%s %d]", token, size)
	_, _ = out.ReadFrom(id.Reader()) // never fails
	return out.Bytes()
}

// unpack returns the tokens of contents that lie behind each other, with "+"
// between them.
func (b *book) unpack(content []byte) string {
	var tokens []string
	for len(content) > 0 {
		head, rest, ok := bytes.Cut(content, []byte("]"))
		token, digits, two := strings.Cut(strings.TrimPrefix(string(head), "["), " ")
		size, err := strconv.ParseInt(digits, 10, 64)
		if !ok || !two || err != nil || size < 0 || size > int64(len(rest)) || content[0] != '[' {
			return fmt.Sprintf("%s and %d bytes that nobody wrote there", strings.Join(tokens, "+"), len(content))
		}
		id := body.ID{Seed: b.crew.seed, Origin: token, Size: size}
		if err := id.Check(bytes.NewReader(rest[:size]), 0, size); err != nil {
			return fmt.Sprintf("%s and %v", strings.Join(tokens, "+"), err)
		}
		tokens, content = append(tokens, token), rest[size:]
	}
	return strings.Join(tokens, "+")
}

// digest returns the MD5 of a token's content, as listings show it.
func (b *book) digest(token string) string { return wire.MD5(b.pack(token)) }

// put is a request that stores a token's content.
func (b *book) put(door wire.Door, container, name, token string, headers ...string) wire.Request {
	content := b.pack(token)
	q := wire.Request{
		Door: door, Method: http.MethodPut, Container: container, Object: name,
		Header: map[string]string{"Content-Type": "application/x-fact"}, Body: bytes.NewReader(content), Size: int64(len(content)),
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		q.Header[k] = v
	}
	return q
}

// writers are the doors that objects are written through.
func (b *book) writer() wire.Door {
	return []wire.Door{wire.Swift, wire.DAV, wire.Dura}[b.rng.IntN(3)]
}

// remover is a door that objects are deleted through.
func (b *book) remover() wire.Door { return b.writer() }

// fetch reads a content and returns its tokens; absent where there is none. An
// object that cannot be put together reads as "broken".
func (b *book) fetch(ctx context.Context, door wire.Door, container, name string) (string, error) {
	return b.get(ctx, wire.Request{Door: door, Method: http.MethodGet, Container: container, Object: name})
}

// get is fetch of any request.
func (b *book) get(ctx context.Context, q wire.Request) (string, error) {
	q.Method = http.MethodGet
	a := b.Own.Do(ctx, q)
	switch {
	case a.Status == http.StatusOK && a.Err == nil:
		return b.unpack(a.Body), nil
	case a.Status == http.StatusNotFound:
		return absent, nil
	case a.Status == http.StatusConflict, a.Status == http.StatusBadGateway && q.Door == wire.DAV:
		return "broken", nil
	case a.Status == 0 || a.Status >= 500 && b.crew.blind.Load() || a.Status == http.StatusOK:
		return "", fmt.Errorf("%w: %v", errUnread, a.Err)
	}
	return "", fmt.Errorf("GET of %s/%s by %s: status %d, %v %.200s", q.Container, q.Object, q.Door, a.Status, a.Err, a.Body)
}

// unread is the error of an answer that tells nothing, nil when it is one of
// those that are expected.
func (b *book) unread(what string, a wire.Answer, expected ...int) error {
	for _, status := range expected {
		if a.Status == status && a.Err == nil {
			return nil
		}
	}
	if a.Status == 0 || a.Status >= 500 && b.crew.blind.Load() {
		return fmt.Errorf("%w: %v", errUnread, a.Err)
	}
	return fmt.Errorf("%s: status %d, %v %.300s", what, a.Status, a.Err, a.Body)
}

// rows lists the objects of a container with a prefix by Swift.
func (b *book) rows(ctx context.Context, container, prefix string) ([]wire.Entry, error) {
	rows, err := b.Own.List(ctx, container, wire.JSON, prefix, 1000)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnread, err)
	}
	return rows, nil
}

// names maps digests to the tokens of contents that the book wrote.
type names map[string]string

// note remembers a token and returns it.
func (n names) note(b *book, token string) string {
	n[b.digest(token)] = token
	return token
}
