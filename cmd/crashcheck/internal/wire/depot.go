package wire

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // the depot API's proof
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"time"
)

// DepotUsed asks the depot API how many bytes the depots of the client's user
// hold. salt is the shared secret that requests are signed with.
func (c *Client) DepotUsed(ctx context.Context, salt string) (int64, error) {
	body := fmt.Sprintf("<teamdrive><command>getdepotdata</command><requesttime>%d</requesttime><username>%s</username></teamdrive>",
		time.Now().Unix(), c.user)
	sum := md5.Sum([]byte(body + salt)) //nolint:gosec // as above
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/RPC2?checksum="+hex.EncodeToString(sum[:]), bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, bodyLimit))
	if err != nil {
		return 0, err
	}
	var reply struct {
		Depots []struct {
			Used int64 `xml:"discused"`
		} `xml:"depotdata>depot"`
	}
	if err := xml.Unmarshal(text, &reply); err != nil || len(reply.Depots) == 0 {
		return 0, fmt.Errorf("getdepotdata: status %d, %v: %.300s", answer.StatusCode, err, text)
	}
	var used int64
	for _, d := range reply.Depots {
		used += d.Used
	}
	return used, nil
}
