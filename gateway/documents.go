package gateway

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

// maxDocument bounds a depot document, in bytes.
const maxDocument = 8192

// Documents makes depot documents and checks them. A document is what an
// invited user is sent: it names a depot and proves that this gateway wrote
// it. It gives no rights: who claims a depot with it must log in and be
// authorised. The zero pointer makes empty documents and knows none.
type Documents struct {
	url    string
	secret auth.Secret
	key    ed25519.PrivateKey
	kid    string
}

// NewDocuments returns the documents of the gateway that clients see under a
// URL that ends in a slash. The secret makes tokens, the key signs. Invalid
// when one is missing.
func NewDocuments(publicURL string, secret auth.Secret, key ed25519.PrivateKey) (*Documents, error) {
	if !strings.HasSuffix(publicURL, "/") || secret.Empty() || len(key) != ed25519.PrivateKeySize {
		return nil, errs.New("gateway.NewDocuments", errs.Invalid, "",
			"depot documents need a public URL that ends in a slash, a secret and a key")
	}
	public := sha256.Sum256(key.Public().(ed25519.PublicKey))
	return &Documents{url: publicURL, secret: secret, key: key, kid: hex.EncodeToString(public[:8])}, nil
}

// URL returns the address under which clients see the gateway; "" for none.
func (d *Documents) URL() string {
	if d == nil {
		return ""
	}
	return d.url
}

// PublicKey returns the key that documents can be checked with, and the text
// that stands for it in them; nil for none.
func (d *Documents) PublicKey() (key ed25519.PublicKey, kid string) {
	if d == nil {
		return nil, ""
	}
	return d.key.Public().(ed25519.PublicKey), d.kid
}

// documentPayload is the signed part of a document.
type documentPayload struct {
	Version int    `json:"v"`
	Type    string `json:"type"`
	URL     string `json:"url"`
	DepotID string `json:"depotid"`
	Owner   string `json:"owner"`
	Epoch   uint64 `json:"epoch"`
	Token   string `json:"token"`
	Issued  int64  `json:"issued"`
}

// token is what only this gateway can make for a depot and its epoch.
func (d *Documents) token(depot string, epoch uint64) string {
	mac := hmac.New(sha256.New, []byte(d.secret.Reveal()))
	mac.Write([]byte("depot-claim-v1\n" + depot + "\n" + strconv.FormatUint(epoch, 10)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Make returns the document of a depot: base64 of the payload, a line feed,
// and "ed25519.", the key's id, "." and the signature of the payload. The same
// depot and epoch give the same bytes.
func (d *Documents) Make(depot Depot) string {
	if d == nil {
		return ""
	}
	id := strconv.FormatUint(depot.ID, 10)
	signed := []byte(`{"v":1,"type":"depot","url":`)
	signed = appendJSON(signed, d.url)
	signed = appendJSON(append(signed, `,"depotid":`...), id)
	signed = appendJSON(append(signed, `,"owner":`...), depot.Owner)
	signed = strconv.AppendUint(append(signed, `,"epoch":`...), depot.Epoch, 10)
	signed = appendJSON(append(signed, `,"token":`...), d.token(id, depot.Epoch))
	signed = strconv.AppendInt(append(signed, `,"issued":`...), depot.Created.Unix(), 10)
	signed = append(signed, '}')
	line := "\ned25519." + d.kid + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(d.key, signed))
	return base64.StdEncoding.EncodeToString(append(signed, line...))
}

// appendJSON appends text as a JSON string in which only what JSON demands is
// escaped; encoding/json escapes U+2028 and U+2029 as well.
func appendJSON(b []byte, text string) []byte {
	b = append(b, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[r>>4], "0123456789abcdef"[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// A DocumentClaim is what a genuine document names: a depot and its epoch.
type DocumentClaim struct {
	Depot uint64
	Epoch uint64
}

var errNoDocument = errs.New("gateway.Documents", errs.NotFound, errs.NoDepot, "This is no valid depot document of this gateway.")

// Open checks that a document was made here: signature, address and token.
// Whether it still holds, the calls that take the claim decide. NotFound with
// NoDepot for every other text, up to 8,192 bytes of which are looked at.
func (d *Documents) Open(text string) (DocumentClaim, error) {
	if d == nil || len(text) > maxDocument {
		return DocumentClaim{}, errNoDocument
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return DocumentClaim{}, errNoDocument
	}
	signed, line, _ := bytes.Cut(raw, []byte("\n"))
	encoded, ok := bytes.CutPrefix(line, []byte("ed25519."+d.kid+"."))
	signature := make([]byte, ed25519.SignatureSize)
	if !ok || base64.RawURLEncoding.DecodedLen(len(encoded)) != ed25519.SignatureSize {
		return DocumentClaim{}, errNoDocument
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(signature, encoded); err != nil ||
		!ed25519.Verify(d.key.Public().(ed25519.PublicKey), signed, signature) {
		return DocumentClaim{}, errNoDocument
	}
	var p documentPayload
	if err := json.Unmarshal(signed, &p); err != nil || p.Version != 1 || p.Type != "depot" || p.URL != d.url {
		return DocumentClaim{}, errNoDocument
	}
	id, err := strconv.ParseUint(p.DepotID, 10, 63)
	if err != nil || !hmac.Equal([]byte(p.Token), []byte(d.token(p.DepotID, p.Epoch))) {
		return DocumentClaim{}, errNoDocument
	}
	return DocumentClaim{Depot: id, Epoch: p.Epoch}, nil
}
