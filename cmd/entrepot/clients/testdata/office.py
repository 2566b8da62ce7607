"""A person at LibreOffice, for tests: starts it without a window, with a
profile of its own, and does what standard input says, a line each:

    new | open URL | write TEXT | saveas URL | save | text | close

Each answer is one line: "ok", and where there is something to say a blank and
the rest, or "failed" and the reason. Where LibreOffice asks for a login, the
arguments give it; where it finds a document locked, the copy that can only be
read is taken, and the answer says so.

    office.py PROFILE USER PASSWORD
"""
import os
import signal
import subprocess
import sys
import time

import uno
import unohelper
from com.sun.star.beans import PropertyValue
from com.sun.star.task import XInteractionHandler2

PATIENCE = 60  # seconds for the program to start, and to end


class Person(unohelper.Base, XInteractionHandler2):
    """Answers the program's questions."""

    def __init__(self, user, password):
        self.user, self.password = user, password
        self.logins = 0
        self.met_lock = False

    def handle(self, request):
        self.handleInteractionRequest(request)

    def handleInteractionRequest(self, request):
        choices = {}
        for c in request.getContinuations():
            for kind in c.getTypes():
                choices[kind.typeName.rsplit(".", 1)[-1]] = c
        login = choices.get("XInteractionSupplyAuthentication2")
        if login and self.logins < 4:
            self.logins += 1
            login.setUserName(self.user)
            login.setPassword(self.password)
            login.select()
            return True
        if "XInteractionApprove" in choices and "XInteractionDisapprove" in choices:
            self.met_lock = True
            choices["XInteractionApprove"].select()
            return True
        if "XInteractionAbort" in choices:
            choices["XInteractionAbort"].select()
            return True
        return False


class Office:
    """One running program and at most one open document."""

    def __init__(self, profile, user, password):
        self.user, self.password = user, password
        self.doc = None
        pipe = "entrepot%d" % os.getpid()
        self.process = subprocess.Popen(
            ["soffice", "--headless", "--norestore", "--nodefault", "--nolockcheck",
             "-env:UserInstallation=file://" + profile, "--accept=pipe,name=%s;urp" % pipe],
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        local = uno.getComponentContext()
        resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                context = resolver.resolve("uno:pipe,name=%s;urp;StarOffice.ComponentContext" % pipe)
                break
            except Exception:
                if time.monotonic() > limit or self.process.poll() is not None:
                    raise
                time.sleep(0.1)
        self.desktop = context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)

    def options(self, **more):
        self.person = Person(self.user, self.password)
        more.update(InteractionHandler=self.person, AuthenticationHandler=self.person)
        out = []
        for name, value in more.items():
            p = PropertyValue()
            p.Name, p.Value = name, value
            out.append(p)
        return tuple(out)

    def new(self, _):
        self.doc = self.desktop.loadComponentFromURL("private:factory/swriter", "_blank", 0, self.options())

    def open(self, url):
        self.doc = self.desktop.loadComponentFromURL(url, "_blank", 0, self.options())
        if self.person.met_lock:
            return "locked"
        return "to read" if self.doc.isReadonly() else "to write"

    def write(self, text):
        self.doc.Text.setString(text)

    def text(self, _):
        return self.doc.Text.getString()

    def saveas(self, url):
        self.doc.storeAsURL(url, self.options(FilterName="writer8"))

    def save(self, _):
        self.doc.store()

    def close(self, _):
        self.doc.close(True)
        self.doc = None

    def end(self):
        try:
            self.desktop.terminate()
        except Exception:
            pass  # it is gone before it has answered
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


def main():
    office = Office(*sys.argv[1:4])
    try:
        print("ok", flush=True)
        for line in sys.stdin:
            word, _, rest = line.rstrip("\n").partition(" ")
            try:
                said = {"new": office.new, "open": office.open, "write": office.write, "text": office.text,
                        "saveas": office.saveas, "save": office.save, "close": office.close}[word](rest)
                print("ok" if said is None else "ok " + said, flush=True)
            except Exception as e:
                print("failed", type(e).__name__, str(e).replace("\n", " "), flush=True)
    finally:
        office.end()


main()
