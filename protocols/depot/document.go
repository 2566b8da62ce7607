package depot

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"entrepot/gateway"
	"entrepot/protocols/depot/wire"
)

// firstEpoch is the epoch of every depot's claim token when the depot is made.
const firstEpoch = 1

// payload is the signed part of a depot document; its members stand in this
// order.
type payload struct {
	Version int    `json:"v"`
	Type    string `json:"type"`
	URL     string `json:"url"`
	DepotID string `json:"depotid"`
	Owner   string `json:"owner"`
	Epoch   uint64 `json:"epoch"`
	Token   string `json:"token"`
	Issued  int64  `json:"issued"`
}

// text makes the document with which invited users attach a depot: base64 of
// the payload, a line feed, and "ed25519.", the key's id, "." and the
// signature of the payload. The same depot and epoch give the same bytes. A
// nil Document makes empty ones.
func (d *Document) text(depot gateway.Depot, epoch uint64) string {
	if d == nil {
		return ""
	}
	id := strconv.FormatUint(depot.ID, 10)
	token := hmac.New(sha256.New, []byte(d.Secret.Reveal()))
	token.Write([]byte("depot-claim-v1\n" + id + "\n" + strconv.FormatUint(epoch, 10)))
	signed := compactJSON(payload{
		Version: 1, Type: "depot", URL: d.PublicURL, DepotID: id, Owner: depot.Owner, Epoch: epoch,
		Token: base64.RawURLEncoding.EncodeToString(token.Sum(nil)), Issued: depot.Created.Unix(),
	})
	key := sha256.Sum256(d.Key.Public().(ed25519.PublicKey))
	line := "\ned25519." + hex.EncodeToString(key[:8]) + "." +
		base64.RawURLEncoding.EncodeToString(ed25519.Sign(d.Key, signed))
	return base64.StdEncoding.EncodeToString(append(signed, line...))
}

// compactJSON writes p on one line and escapes only what JSON must.
func compactJSON(p payload) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(p); err != nil {
		panic(err) // numbers and strings always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// idText writes an id; XML-RPC has it as a string, so that no client rounds
// it.
func idText(id uint64) wire.Text { return wire.Text(strconv.FormatUint(id, 10)) }
