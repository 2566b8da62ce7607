package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Call calls a method of the administration (JSON-RPC 2.0 at /rpc) as the
// client's user and reads its result into result, unless that is nil. The
// status of the answer is the one that the error's data tells: what the Swift
// door would have answered.
func (c *Client) Call(ctx context.Context, method string, params, result any) Answer {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return Answer{Err: err}
	}
	a := c.Do(ctx, Request{
		Door: RPC, Method: http.MethodPost, Path: "/rpc", Header: map[string]string{"Content-Type": "application/json"},
		Body: bytes.NewReader(body), Size: int64(len(body)),
	})
	if a.Status != http.StatusOK || a.Err != nil {
		return a
	}
	var reply struct {
		Result json.RawMessage
		Error  *struct {
			Message string
			Data    struct{ Status int }
		}
	}
	if err := json.Unmarshal(a.Body, &reply); err != nil {
		return Answer{Err: fmt.Errorf("%s: %w: %.300s", method, err, a.Body)}
	}
	if reply.Error != nil {
		a.Status, a.Err = reply.Error.Data.Status, fmt.Errorf("%s: %s", method, reply.Error.Message)
		return a
	}
	if result != nil {
		a.Err = json.Unmarshal(reply.Result, result)
	}
	return a
}
