<?php
// What DuraCloud's PHP client does, on PHP's own streams, which leave the names
// of headers as they came: php client.php URL USER PASSWORD SPACE
[, $url, $user, $password, $space] = $argv;

// call returns the status, the headers by their names as sent, and the body.
function call(string $method, string $path, string $body = '', array $headers = []): array
{
    global $url, $user, $password;
    $headers[] = 'Authorization: Basic ' . base64_encode("$user:$password");
    $headers[] = 'Content-Length: ' . strlen($body);
    $http = ['method' => $method, 'header' => implode("\r\n", $headers), 'content' => $body, 'ignore_errors' => true];
    $got = file_get_contents("$url/durastore$path", false, stream_context_create(['http' => $http]));
    $named = [];
    foreach (array_slice($http_response_header, 1) as $line) {
        [$name, $value] = explode(': ', $line, 2) + ['', ''];
        $named[$name] = $value;
    }
    return [(int) explode(' ', $http_response_header[0])[1], $named, $got];
}

function check(string $what, bool $ok): void
{
    if (!$ok) {
        fwrite(STDERR, "$what: failed\n");
        exit(1);
    }
}

check('a space is made', call('PUT', "/$space")[0] === 201);
$body = "hello from php\n";
$id = urlencode('dir/sub/a b.txt'); // slashes as %2F, blanks as plus signs
[$status, $h] = call('PUT', "/$space/$id", $body, ['Content-MD5: ' . md5($body), 'Content-Type: text/plain', 'x-dura-meta-colour: blue']);
check('an item is put', $status === 201 && $h['Content-MD5'] === md5($body));
[$status, $h, $got] = call('GET', "/$space/$id");
check('and read', $status === 200 && $got === $body);
check('its headers are spelled as they are looked up', $h['Content-MD5'] === md5($body) && $h['x-dura-meta-colour'] === 'blue');
[$status, , $got] = call('GET', "/$space?storeId=77&prefix=dir/"); // storeId is not storeID: the primary store
check('the slashes are slashes, the plus is a plus', $status === 200 && str_contains($got, '<item>dir/sub/a+b.txt</item>'));
[$status, , $got] = call('POST', "/$space/$id", '', ['x-dura-meta-new: 1']);
check('properties are replaced', $status === 200 && $got === 'Content dir/sub/a+b.txt updated successfully');
[, $h] = call('HEAD', "/$space/$id");
check('all of them', $h['x-dura-meta-new'] === '1' && !isset($h['x-dura-meta-colour']));
[$status, , $got] = call('POST', "/acl/$space", '', ['x-dura-meta-acl-group-public: READ']);
check('the list is replaced', $status === 200 && $got === "Space $space ACLs updated successfully");
[$status, $h] = call('HEAD', "/acl/$space");
check('and shown', $status === 200 && $h['x-dura-meta-acl-group-public'] === 'READ');
[$status, , $got] = call('DELETE', "/$space/$id");
check('an item is deleted', $status === 200 && $got === 'Content dir/sub/a+b.txt deleted successfully');
[$status, , $got] = call('DELETE', "/$space");
check('a space is deleted', $status === 200 && $got === "Space $space deleted successfully");
[$status, , $got] = call('GET', "/$space");
check('and gone', $status === 404 && str_ends_with($got, "Space does not exist: $space"));
echo "done\n";
