# What DuraCloud's Ruby client does, on Ruby's own library:
# ruby client.rb URL USER PASSWORD SPACE
# Names of headers are compared as they came over the wire.
require 'digest'
require 'net/http'
require 'rexml/document'
require 'socket'
require 'uri'
require 'zlib'

$base, $user, $password, $space = ARGV[0] + '/durastore', ARGV[1], ARGV[2], ARGV[3]

def check(what, ok)
  abort("#{what}: failed") unless ok
end

def uri(path) = URI($base + path)

def ask(request, body = nil, headers = {})
  request.basic_auth($user, $password)
  headers.each { |name, value| request[name] = value }
  request.body = body if body
  Net::HTTP.start(request.uri.host, request.uri.port) { |http| http.request(request) }
end

# The head of an answer, line by line, with the case of its names.
def raw_head(path)
  u = uri(path)
  TCPSocket.open(u.host, u.port) do |socket|
    login = ["#{$user}:#{$password}"].pack('m0')
    socket.write("HEAD #{u.request_uri} HTTP/1.1\r\nHost: #{u.host}:#{u.port}\r\nAuthorization: Basic #{login}\r\nConnection: close\r\n\r\n")
    socket.read.split("\r\n")
  end
end

check('a space is made', ask(Net::HTTP::Put.new(uri("/#{$space}"))).code == '201')
check('and made again', ask(Net::HTTP::Put.new(uri("/#{$space}"))).code == '201')

body = "hello from ruby\n"
sum = Digest::MD5.hexdigest(body)
put = ask(Net::HTTP::Put.new(uri("/#{$space}/dir/a%23b.txt")), body,
          'Content-MD5' => sum, 'Content-Type' => 'text/plain', 'x-dura-meta-color' => 'red')
check('an item is put', put.code == '201' && put['Content-MD5'] == sum)

head = raw_head("/#{$space}/dir/a%23b.txt")
check('properties are in lower case', head.include?('x-dura-meta-color: red'))
check('the checksum is spelled so', head.include?("Content-MD5: #{sum}") && head.include?("ETag: #{sum}"))

bad = ask(Net::HTTP::Put.new(uri("/#{$space}/dir/a%23b.txt")), 'other', 'Content-MD5' => '0' * 32)
check('a wrong checksum is refused as text', bad.code == '409' && bad['Content-Type'] == 'text/plain' && bad.body.include?('Checksum mismatch'))

copy = ask(Net::HTTP::Put.new(uri("/#{$space}/copy")), nil, 'x-dura-meta-copy-source' => "#{$space}/dir/a#b.txt", 'Content-Length' => '0')
check('an item is copied', copy.code == '201' && copy['Content-MD5'] == sum)

1100.times { |i| ask(Net::HTTP::Put.new(uri(format("/#{$space}/many/%04d", i))), 'x') } if ARGV[4] == 'many'
space = ask(Net::HTTP::Get.new(uri("/#{$space}")))
count = space['x-dura-meta-space-count']
ids = []
marker = nil
loop do
  page = ask(Net::HTTP::Get.new(uri("/#{$space}?maxResults=1000#{"&marker=#{URI.encode_www_form_component(marker)}" if marker}")))
  items = REXML::Document.new(page.body).get_elements('space/item').map(&:text)
  break if items.empty?

  ids.concat(items)
  marker = items.last
end
check('everything is listed', ids == ids.sort && ids.include?('dir/a#b.txt') && (count.to_i == ids.size || count == '1000+' && ids.size > 1000))

job = ask(Net::HTTP::Post.new(uri("/manifest/#{$space}")))
check('a manifest is asked for', job.code == '202')
made = nil
120.times do
  made = ask(Net::HTTP::Head.new(URI(job['Location'])))
  break if made.code == '200'

  sleep 0.25
end
check('and made', made.code == '200')
socket = URI(job['Location'])
raw = Net::HTTP::Get.new(socket, 'Accept-Encoding' => 'identity')
raw.basic_auth($user, $password)
packed = Net::HTTP.start(socket.host, socket.port) { |http| http.request(raw).body }
rows = Zlib::GzipReader.new(StringIO.new(packed)).read.lines(chomp: true).map { |line| line.split("\t") }
check('its columns', rows.shift.map { |name| name.tr('-', '_') } == %w[space_id content_id MD5])
check('its rows', rows.size == ids.size && rows.include?([$space, 'dir/a#b.txt', sum]))

gone = ask(Net::HTTP::Delete.new(uri("/#{$space}/copy")))
check('an item is deleted', gone.code == '200' && gone.body == 'Content copy deleted successfully')
again = ask(Net::HTTP::Delete.new(uri("/#{$space}/copy")))
check('once', again.code == '404' && again['Content-Type'] == 'text/plain')
puts "listed #{ids.size}"
