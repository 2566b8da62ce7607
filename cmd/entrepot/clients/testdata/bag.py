"""Validates a bag strictly (RFC 8493, sections 2.1, 2.2.2 and 3): the tag
files' form, that the manifest and the payload name the same files, and the
digests. Prints the number of payload files."""
import hashlib
import os
import re
import sys

bag = sys.argv[1]


def read(name):
    with open(os.path.join(bag, name), "rb") as f:
        return f.read().decode("utf-8")


assert re.fullmatch(r"BagIt-Version: \d+\.\d+\nTag-File-Character-Encoding: UTF-8\n?", read("bagit.txt")), "bagit.txt"
text = read("manifest-md5.txt")
assert text.endswith("\n") and "\r" not in text, "line ends of the manifest"
listed = {}
for line in text[:-1].split("\n"):
    found = re.fullmatch(r"([0-9a-f]{32})[ \t]+(data/.+)", line)
    assert found, line
    path = re.sub("%(0[AaDd]|25)", lambda m: chr(int(m[1], 16)), found[2])
    assert path not in listed and not os.path.isabs(path) and ".." not in path.split("/"), path
    listed[path] = found[1]
held = {
    os.path.relpath(os.path.join(at, name), bag)
    for at, _, names in os.walk(os.path.join(bag, "data")) for name in names
}
assert held == set(listed), held ^ set(listed)
for path, digest in listed.items():
    with open(os.path.join(bag, path), "rb") as f:
        assert hashlib.md5(f.read()).hexdigest() == digest, path
print(len(listed))
