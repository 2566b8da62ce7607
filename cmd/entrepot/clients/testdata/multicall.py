"""Two changes and an unknown method in one request, signed as a whole."""
import hashlib, os, time, xmlrpc.client


class Signed(xmlrpc.client.Transport):
    def request(self, host, handler, body, verbose=False):
        checksum = hashlib.md5(body + os.environ["SALT"].encode()).hexdigest()
        return super().request(host, handler + "?checksum=" + checksum, body, verbose)


gateway = xmlrpc.client.ServerProxy(os.environ["URL"], transport=Signed())
now = xmlrpc.client.DateTime(time.gmtime())  # a time instead of a number
many = xmlrpc.client.MultiCall(gateway)
many.depot.createdepot({"requesttime": now, "username": "Größe & <Co>", "disclimit": 5000})
many.depot.getdepotdata({"requesttime": now, "username": "Größe & <Co>"})
many.depot.nothing({"requesttime": now})
made, found, *_ = (r for r in many().results)
print(made[0]["depotid"] == found[0]["depotdata"][0]["depotid"], found[0]["depotdata"][0]["owner"])
print(many().results[0]["faultString"])  # a repeated change
print(gateway.system.methodSignature("depot.setdepot"), len(gateway.system.listMethods()))
