package wire

import "strings"

// decodeSTD reads a methodCall of XML-RPC.
func decodeSTD(body []byte) (Call, error) {
	root, err := parse(body, maxDepthSTD)
	if err != nil {
		return Call{}, err
	}
	if root.name != "methodCall" || !root.blank() {
		return Call{}, badRequest(WrongShape)
	}
	call := Call{Dialect: STD}
	seen := map[string]bool{}
	for _, e := range root.children {
		if seen[e.name] {
			return Call{}, badRequest(GivenTwice)
		}
		seen[e.name] = true
		switch e.name {
		case "methodName":
			if len(e.children) > 0 {
				return Call{}, badRequest(WrongShape)
			}
			call.Name = strings.Trim(e.text, whiteSpace)
		case "params":
			if call.Params, err = params(e); err != nil {
				return Call{}, err
			}
		default:
			return Call{}, badRequest(WrongShape)
		}
	}
	return call, nil
}

// params reads the children of a params element.
func params(e *element) ([]Param, error) {
	if !e.blank() {
		return nil, badRequest(WrongShape)
	}
	var list []Param
	for _, child := range e.children {
		if child.name != "param" || !child.blank() || len(child.children) != 1 {
			return nil, badRequest(WrongShape)
		}
		p, err := value(child.children[0])
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

var scalarKinds = map[string]kind{
	"string": kindText, "int": kindInt, "i4": kindInt, "i8": kindInt, "double": kindDouble,
	"boolean": kindBoolean, "dateTime.iso8601": kindTime, "base64": kindBase64, "nil": kindNil,
}

// value reads a value element: typed, or text as it stands. Scalars are not
// judged here; a value that nobody asks for may be anything.
func value(e *element) (Param, error) {
	if e.name != "value" {
		return Param{}, badRequest(WrongShape)
	}
	if len(e.children) == 0 {
		return Param{kind: kindText, text: e.text}, nil
	}
	if len(e.children) != 1 || !e.blank() {
		return Param{}, badRequest(WrongShape)
	}
	typed := e.children[0]
	switch typed.name {
	case "array":
		return array(typed)
	case "struct":
		return structure(typed)
	}
	k, ok := scalarKinds[typed.name]
	if !ok || len(typed.children) > 0 {
		return Param{}, badRequest(WrongShape)
	}
	return Param{kind: k, text: typed.text}, nil
}

func array(e *element) (Param, error) {
	if !e.blank() || len(e.children) != 1 || e.children[0].name != "data" || !e.children[0].blank() {
		return Param{}, badRequest(WrongShape)
	}
	data := e.children[0]
	if len(data.children) > maxEntries {
		return Param{}, notXML(LimitsExceeded)
	}
	out := Param{kind: kindArray}
	for _, child := range data.children {
		p, err := value(child)
		if err != nil {
			return Param{}, err
		}
		out.list = append(out.list, p)
	}
	return out, nil
}

func structure(e *element) (Param, error) {
	out := Param{kind: kindStruct, members: Fields{}}
	if !e.blank() {
		return Param{}, badRequest(WrongShape)
	}
	for _, m := range e.children {
		if m.name != "member" || !m.blank() || len(m.children) != 2 || m.children[0].name != "name" ||
			len(m.children[0].children) > 0 {
			return Param{}, badRequest(WrongShape)
		}
		p, err := value(m.children[1])
		if err != nil {
			return Param{}, err
		}
		if err := out.members.add(strings.Trim(m.children[0].text, whiteSpace), p); err != nil {
			return Param{}, err
		}
	}
	return out, nil
}

// Calls returns the calls of a system.multicall: its one parameter is an array
// of structs of methodName and params. A call of another shape is in its place
// with the error that it is answered with; another shape of the whole is
// WrongShape, more than max calls ParameterTooLong.
func (c Call) Calls(max int) ([]Call, []error, error) {
	if len(c.Params) != 1 || c.Params[0].kind != kindArray {
		return nil, nil, badRequest(WrongShape)
	}
	list := c.Params[0].list
	if len(list) > max {
		return nil, nil, badRequest(ParameterTooLong)
	}
	calls, failed := make([]Call, len(list)), make([]error, len(list))
	for i, p := range list {
		calls[i], failed[i] = inner(p)
	}
	return calls, failed, nil
}

// inner reads one call of a multicall. An absent methodName is an empty one,
// absent params are none.
func inner(p Param) (Call, error) {
	params, given := p.members["params"]
	if p.kind != kindStruct || given && params.kind != kindArray {
		return Call{}, badRequest(WrongShape)
	}
	name, err := p.members.Text("methodName")
	return Call{Dialect: STD, Name: name, Params: params.list}, err
}

// OnlyText returns the one text that system.methodHelp and system.methodSignature
// take.
func (c Call) OnlyText() (string, error) {
	if len(c.Params) != 1 {
		return "", badRequest(WrongShape)
	}
	return Fields{"": c.Params[0]}.Text("")
}
