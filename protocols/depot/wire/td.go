package wire

import "strings"

// tdParameters are the elements below the root that must hold text only. Other
// elements are unknown and mean nothing, whatever is in them.
var tdParameters = map[string]bool{
	"apiversion": true, "command": true, "requesttime": true, "distributor": true,
	"username": true, "depotid": true, "spaceid": true, "spacename": true,
	"disclimit": true, "trafficlimit": true, "increaselimit": true, "decreaselimit": true,
	"userlist": true, "changeid": true, "contractnumber": true, "includeshared": true,
	"location": true, "hosturl": true, "depotdocument": true, "message": true, "limit": true,
}

// decodeTD reads a request in TeamDrive's own XML: a root teamdrive whose
// children are the parameters, in any order.
func decodeTD(body []byte) (Call, error) {
	root, err := parse(body, maxDepthTD)
	if err != nil {
		return Call{}, err
	}
	if root.name != "teamdrive" || !root.blank() {
		return Call{}, badRequest(WrongShape)
	}
	fields := Fields{}
	for _, e := range root.children {
		if len(e.children) > 0 && tdParameters[primaryName(e.name)] {
			return Call{}, badRequest(WrongShape)
		}
		if err := fields.add(e.name, Param{text: strings.Trim(e.text, whiteSpace)}); err != nil {
			return Call{}, err
		}
	}
	call := Call{Dialect: TD, Name: fields["command"].text, Params: []Param{{kind: kindStruct, members: fields}}}
	delete(fields, "command")
	return call, nil
}
