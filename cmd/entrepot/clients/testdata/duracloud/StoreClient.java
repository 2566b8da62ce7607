import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.http.Header;
import org.apache.http.auth.AuthScope;
import org.apache.http.auth.UsernamePasswordCredentials;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.HttpDelete;
import org.apache.http.client.methods.HttpGet;
import org.apache.http.client.methods.HttpHead;
import org.apache.http.client.methods.HttpPut;
import org.apache.http.client.methods.HttpUriRequest;
import org.apache.http.client.protocol.HttpClientContext;
import org.apache.http.entity.ByteArrayEntity;
import org.apache.http.impl.auth.BasicScheme;
import org.apache.http.impl.client.BasicAuthCache;
import org.apache.http.impl.client.BasicCredentialsProvider;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClients;
import org.apache.http.HttpHost;
import org.apache.http.util.EntityUtils;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * Does on Apache HttpClient what DuraCloud's synchronising and retrieving tools do: every call is tried four times on
 * any error, names of headers are compared by case, checksums of answers must be those of what was sent, large files go
 * in chunks with a manifest.
 *
 * java StoreClient.java sync|retrieve URL USER PASSWORD SPACE DIRECTORY [CHUNK-SIZE]
 */
public class StoreClient {
    static String base, user, password, space, storeId;
    static CloseableHttpClient shared;
    static boolean keep; // the connection, for the next call
    static int uploaded, skipped, deleted, retrieved, resumed;

    static class Reply {
        int status;
        Map<String, String> headers = new HashMap<>(); // by their names as they were sent
        byte[] body;

        String checksum() { // whichever comes last
            String sum = null;
            for (String name : order) {
                if (name.equals("Content-MD5") || name.equals("ETag")) {
                    sum = headers.get(name);
                }
            }
            return sum;
        }

        List<String> order = new ArrayList<>();
    }

    static String encode(String id) {
        return URLEncoder.encode(id, StandardCharsets.UTF_8).replace("+", "%20").replace("%2F", "/");
    }

    static String url(String id, String query) {
        return base + "/" + space + (id == null ? "" : "/" + encode(id)) + "?" + query + "storeID=" + storeId;
    }

    static Reply once(HttpUriRequest request) throws IOException {
        BasicCredentialsProvider provider = new BasicCredentialsProvider();
        provider.setCredentials(AuthScope.ANY, new UsernamePasswordCredentials(user, password));
        HttpHost host = new HttpHost(request.getURI().getHost(), request.getURI().getPort());
        BasicAuthCache cache = new BasicAuthCache();
        cache.put(host, new BasicScheme());
        HttpClientContext context = HttpClientContext.create();
        context.setCredentialsProvider(provider);
        context.setAuthCache(cache);
        if (shared == null || !keep) {
            if (shared != null) {
                shared.close();
            }
            shared = HttpClients.custom().setDefaultCredentialsProvider(provider).build();
        }
        try (CloseableHttpResponse response = shared.execute(request, context)) {
            Reply reply = new Reply();
            reply.status = response.getStatusLine().getStatusCode();
            for (Header h : response.getAllHeaders()) {
                reply.headers.put(h.getName(), h.getValue());
                reply.order.add(h.getName());
            }
            reply.body = response.getEntity() == null ? new byte[0] : EntityUtils.toByteArray(response.getEntity());
            return reply;
        }
    }

    interface Call {
        HttpUriRequest make();
    }

    /** Tries a call four times until it has the one status that is right; null where it never has. */
    static Reply tried(int status, Call call) throws Exception {
        for (int i = 0; i < 4; i++) {
            Thread.sleep(20L * i);
            Reply reply = once(call.make());
            if (reply.status == status) {
                return reply;
            }
            if (i == 3 && reply.status != 404) {
                throw new IOException("status " + reply.status + ": " + new String(reply.body, StandardCharsets.UTF_8));
            }
        }
        return null;
    }

    static Reply must(int status, Call call) throws Exception {
        Reply reply = tried(status, call);
        if (reply == null) {
            throw new IOException("not found: " + call.make().getURI());
        }
        return reply;
    }

    static String md5(byte[] b) throws Exception {
        StringBuilder hex = new StringBuilder();
        for (byte x : MessageDigest.getInstance("MD5").digest(b)) {
            hex.append(String.format("%02x", x));
        }
        return hex.toString();
    }

    static Document parse(byte[] xml) throws Exception {
        return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new java.io.ByteArrayInputStream(xml));
    }

    static String text(Element of, String tag) {
        return of.getElementsByTagName(tag).item(0).getTextContent();
    }

    static void chooseStore() throws Exception {
        NodeList list = parse(must(200, () -> new HttpGet(base + "/stores")).body).getElementsByTagName("storageAcct");
        for (int i = 0; i < list.getLength(); i++) {
            Element e = (Element) list.item(i);
            int id = Integer.parseInt(text(e, "id"));
            String type = text(e, "storageProviderType");
            if (!Arrays.asList("AMAZON_S3", "AMAZON_GLACIER", "SWIFT_S3", "CHRONOPOLIS").contains(type)) {
                throw new IOException("store of the unknown type " + type);
            }
            if (e.getAttribute("isPrimary").equals("1")) {
                storeId = String.valueOf(id);
            }
        }
    }

    static void ensureSpace() throws Exception {
        String acl = base + "/acl/" + space + "?storeID=" + storeId;
        if (tried(200, () -> new HttpHead(acl)) != null) {
            return;
        }
        if (tried(200, () -> new HttpGet(url(null, ""))) == null) {
            must(201, () -> new HttpPut(url(null, "")));
        }
        must(200, () -> new HttpHead(acl));
    }

    static void put(String id, byte[] body, String type, boolean properties) throws Exception {
        String sum = md5(body);
        HttpPut put = new HttpPut(url(id, ""));
        put.setEntity(new ByteArrayEntity(body));
        put.setHeader("Content-Type", type + "; charset=UTF-8");
        put.setHeader("x-dura-meta-content-mimetype", type);
        put.setHeader("Content-MD5", sum);
        put.setHeader("x-dura-meta-creator", user);
        if (properties) {
            put.setHeader("x-dura-meta-content-file-path", "/from/" + id.replaceAll("[^ -~]", "_"));
            put.setHeader("x-dura-meta-content-file-modified", "2014-09-10T15:54:42.042");
        }
        Reply reply = once(put);
        if (reply.status != 201 || !sum.equals(reply.checksum())) {
            throw new IOException(id + ": status " + reply.status + ", checksum " + reply.checksum() + ", not " + sum);
        }
    }

    static boolean same(String id, byte[] body) throws Exception {
        Reply head = tried(200, () -> new HttpHead(url(id, "")));
        if (head == null) {
            return false;
        }
        if (!user.equals(head.headers.get("x-dura-meta-creator"))) {
            throw new IOException(id + " has no x-dura-meta-creator in lower case among " + head.order);
        }
        return md5(body).equals(head.checksum());
    }

    static String chunkId(String id, int i) {
        return id + ".dura-chunk-" + String.format("%04d", i);
    }

    static String manifestOf(String id, byte[] body, int size) throws Exception {
        StringBuilder xml = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            + "<dur:chunksManifest xmlns:dur=\"duracloud.org\"><header schemaVersion=\"0.2\"><sourceContent contentId=\"" + id
            + "\"><mimetype>application/octet-stream</mimetype><byteSize>" + body.length + "</byteSize><md5>" + md5(body)
            + "</md5></sourceContent></header><chunks>");
        for (int i = 0; i * size < body.length; i++) {
            byte[] chunk = Arrays.copyOfRange(body, i * size, Math.min(body.length, (i + 1) * size));
            if (!same(chunkId(id, i), chunk)) {
                put(chunkId(id, i), chunk, "application/octet-stream", false);
            }
            xml.append("<chunk chunkId=\"" + chunkId(id, i) + "\" index=\"" + i + "\"><byteSize>" + chunk.length
                + "</byteSize><md5>" + md5(chunk) + "</md5></chunk>");
        }
        return xml.append("</chunks></dur:chunksManifest>").toString();
    }

    static void sync(File dir, int chunkSize) throws Exception {
        ensureSpace();
        List<String> local = new ArrayList<>();
        try (var walk = Files.walk(dir.toPath())) {
            for (Path p : walk.filter(Files::isRegularFile).sorted().toList()) {
                String id = dir.toPath().relativize(p).toString().replace(File.separatorChar, '/');
                byte[] body = Files.readAllBytes(p);
                local.add(id);
                if (body.length <= chunkSize) {
                    if (same(id, body)) {
                        skipped++;
                        continue;
                    }
                    put(id, body, "text/plain", true);
                } else {
                    byte[] old = manifest(id);
                    if (old != null && text(parse(old).getDocumentElement(), "md5").equals(md5(body))) {
                        skipped++;
                        continue;
                    }
                    put(id + ".dura-manifest", manifestOf(id, body, chunkSize).getBytes(StandardCharsets.UTF_8), "application/xml", true);
                }
                uploaded++;
            }
        }
        for (String id : list()) {
            String of = id.replaceAll("\\.dura-(manifest|chunk-[0-9]+)$", "");
            if (!local.contains(of)) {
                must(200, () -> new HttpDelete(url(id, "")));
                deleted++;
            }
        }
    }

    static byte[] manifest(String id) throws Exception {
        Reply reply = tried(200, () -> new HttpGet(url(id + ".dura-manifest", "")));
        return reply == null ? null : reply.body;
    }

    static List<String> list() throws Exception {
        List<String> all = new ArrayList<>();
        for (String marker = "";;) {
            String query = "maxResults=10000&" + (marker.isEmpty() ? "" : "marker=" + encode(marker) + "&");
            NodeList page = parse(must(200, () -> new HttpGet(url(null, query))).body).getElementsByTagName("item");
            if (page.getLength() == 0) {
                return all;
            }
            for (int i = 0; i < page.getLength(); i++) {
                all.add(marker = page.item(i).getTextContent());
            }
        }
    }

    /** Reads an item; the first half, and then the rest as after a connection that broke. */
    static byte[] get(String id) throws Exception {
        Reply whole = must(200, () -> new HttpGet(url(id, "")));
        if (!md5(whole.body).equals(whole.checksum())) {
            throw new IOException(id + " is not what its checksum says");
        }
        if (whole.body.length > 1000 && resumed < 20) {
            int half = whole.body.length / 2;
            HttpGet rest = new HttpGet(url(id, ""));
            rest.setHeader("Range", "bytes=" + half + "-");
            Reply part = once(rest);
            if (part.status != 206 || !Arrays.equals(part.body, Arrays.copyOfRange(whole.body, half, whole.body.length))) {
                throw new IOException(id + " from byte " + half + ": status " + part.status);
            }
            resumed++;
        }
        return whole.body;
    }

    static void retrieve(File dir) throws Exception {
        for (String id : list()) {
            if (id.matches(".*\\.dura-chunk-[0-9]+")) {
                continue;
            }
            String name = id;
            byte[] body = get(id);
            if (id.endsWith(".dura-manifest")) {
                name = id.substring(0, id.length() - ".dura-manifest".length());
                Element root = parse(body).getDocumentElement();
                NodeList chunks = root.getElementsByTagName("chunk");
                ByteArrayOutputStream joined = new ByteArrayOutputStream();
                for (int i = 0; i < chunks.getLength(); i++) {
                    Element chunk = (Element) chunks.item(i);
                    byte[] part = get(chunk.getAttribute("chunkId"));
                    if (!md5(part).equals(text(chunk, "md5")) || part.length != Long.parseLong(text(chunk, "byteSize"))) {
                        throw new IOException("chunk " + i + " of " + name + " is not what the manifest says");
                    }
                    joined.write(part);
                }
                body = joined.toByteArray();
                if (!md5(body).equals(text(root, "md5"))) {
                    throw new IOException(name + " is not what the manifest says");
                }
            }
            File to = new File(dir, name);
            to.getParentFile().mkdirs();
            Files.write(to.toPath(), body);
            retrieved++;
        }
    }

    public static void main(String[] args) throws Exception {
        base = args[1] + "/durastore";
        user = args[2];
        password = args[3];
        space = args[4];
        chooseStore();
        if (args[0].equals("sync")) {
            sync(new File(args[5]), Integer.parseInt(args[6]));
            System.out.println("uploaded " + uploaded + " skipped " + skipped + " deleted " + deleted);
        } else {
            keep = true;
            retrieve(new File(args[5]));
            System.out.println("retrieved " + retrieved + " resumed " + (resumed > 0));
        }
    }
}
