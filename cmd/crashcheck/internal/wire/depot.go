package wire

import (
	"context"
	"crypto/md5" //nolint:gosec // the depot API's proof
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// internalFault is the depot API's code for a failure of the gateway.
const internalFault = "-20000"

// Depot sends a command to the depot API for the client's user. salt is the
// shared secret that requests are signed with; params are the elements beside
// the user's name. The answer of a refused command is 400, of a failed one 500,
// as other doors would say it: the API itself answers both with 200.
func (c *Client) Depot(ctx context.Context, salt, command, params string) Answer {
	body := fmt.Sprintf("<teamdrive><command>%s</command><requesttime>%d</requesttime><username>%s</username>%s</teamdrive>",
		command, time.Now().Unix(), c.user, params)
	sum := md5.Sum([]byte(body + salt)) //nolint:gosec // as above
	a := c.Do(ctx, Request{
		Door: RPC, Method: http.MethodPost, Path: "/RPC2", Query: "checksum=" + hex.EncodeToString(sum[:]),
		Body: strings.NewReader(body), Size: int64(len(body)),
	})
	if a.Status != http.StatusOK {
		return a
	}
	var fault struct {
		Code string `xml:"exception>primarycode"`
	}
	if err := xml.Unmarshal(a.Body, &fault); err != nil {
		a.Status, a.Err = 0, err
	}
	switch fault.Code {
	case "":
	case internalFault:
		a.Status = http.StatusInternalServerError
	default:
		a.Status = http.StatusBadRequest
	}
	return a
}

// DepotUsed asks the depot API how many bytes the depots of the client's user
// hold.
func (c *Client) DepotUsed(ctx context.Context, salt string) (int64, error) {
	a := c.Depot(ctx, salt, "getdepotdata", "")
	var reply struct {
		Depots []struct {
			Used int64 `xml:"discused"`
		} `xml:"depotdata>depot"`
	}
	if err := xml.Unmarshal(a.Body, &reply); err != nil || len(reply.Depots) == 0 {
		return 0, fmt.Errorf("getdepotdata: status %d, %v, %v: %.300s", a.Status, a.Err, err, a.Body)
	}
	var used int64
	for _, d := range reply.Depots {
		used += d.Used
	}
	return used, nil
}
