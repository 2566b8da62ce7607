package keystone

// AnswerTo shows the table of failures to tests.
func AnswerTo(err error) (status int, text string) {
	a := answerTo(err)
	return a.status, a.text
}

// Parse decodes a body as both versions do.
func Parse(body []byte) [2]error {
	_, three := parseV3(body)
	_, two := parseV2(body)
	return [2]error{three, two}
}
