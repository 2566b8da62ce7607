"""Drives the administration with nothing but Python's standard library.

usage: rpc.py URL USER PASSWORD
"""
import base64
import json
import sys
import urllib.error
import urllib.request

url, user, password = sys.argv[1:]


class Refused(Exception):
    def __init__(self, error):
        super().__init__(error["message"])
        self.code, self.status = error["code"], error["data"]["status"]


def post(body, login=(user, password)):
    request = urllib.request.Request(url + "/rpc", json.dumps(body).encode(), {
        "Content-Type": "application/json",
        "Authorization": "Basic " + base64.b64encode(":".join(login).encode()).decode(),
    })
    try:
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read() or "null")
    except urllib.error.HTTPError as e:
        return json.loads(e.read())


def call(method, login=(user, password), **params):
    answer = post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, login)
    if "error" in answer:
        raise Refused(answer["error"])
    return answer["result"]


def refused(code, method, **params):
    try:
        call(method, **params)
    except Refused as e:
        assert e.code == code, (method, e.code, str(e))
        return
    raise AssertionError(method + " was carried out")


print("version", call("system.version")["version"])
owner = call("account.create", account="AUTH_press", quota=10_000_000, meta={"Subject": "Literature"}, email="a@press.example")
refused(-32009, "account.create", account="AUTH_press")
shown = call("account.get", account="AUTH_press")
assert shown["quota"] == 10_000_000 and shown["meta"] == {"subject": "Literature"} and shown["state"] == "active", shown
assert call("account.update", account="AUTH_press", quota=None, meta={"subject": None})["meta"] == {}
names = [a["account"] for a in call("account.list", prefix="AUTH_p")["accounts"]]
assert names == ["AUTH_press"], names

anna = (owner["user"], owner["password"])
assert call("user.create", anna, user="ben", password="correct horse") == {"account": "AUTH_press", "user": "ben"}
assert [u["user"] for u in call("user.list", anna)["users"]] == ["ben", "press"]
assert call("container.create", anna, container="box") == {"container": "box", "created": True}
print("upload", json.dumps(call("upload.ticket", anna, container="box", prefix="in/", max_file_size=1000)))

# A batch is answered in order; its notifications are not.
answers = post([
    {"jsonrpc": "2.0", "id": "a", "method": "account.get"},
    {"jsonrpc": "2.0", "method": "user.set_password", "params": {"user": "ben", "password": "battery staple"}},
    {"jsonrpc": "2.0", "id": "b", "method": "nosuch"},
], anna)
assert [a["id"] for a in answers] == ["a", "b"] and answers[1]["error"]["code"] == -32601, answers
assert post({"jsonrpc": "2.0", "id": 1, "method": "system.version"}, ("ben", "correct horse"))["error"]["code"] == -32001
assert post({"jsonrpc": "2.0", "id": 1, "method": "system.version"}, ("ben", "battery staple"))["result"]

call("account.update", account="AUTH_press", state="suspended")
try:
    call("account.get", anna)
    raise AssertionError("a suspended account was used")
except Refused as e:
    assert (e.code, e.status) == (-32003, 403), e.code
call("account.update", account="AUTH_press", state="active")
print("sound")
