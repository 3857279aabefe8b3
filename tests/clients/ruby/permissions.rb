require 'uri'
require 'net/http'
require 'openssl'

url = URI("#{ENV.fetch('BASE_URL')}/api/v2/resource-servers/#{ENV.fetch('API_ID')}")

http = Net::HTTP.new(url.host, url.port)
http.use_ssl = true
http.ca_file = ENV.fetch('CA_FILE')

request = Net::HTTP::Patch.new(url)
request["content-type"] = 'application/json'
request["authorization"] = "Bearer #{ENV.fetch('MGMT_API_ACCESS_TOKEN')}"
request["cache-control"] = 'no-cache'
request.body = "{ \"scopes\": #{ENV.fetch('PERMISSIONS')} }"

response = http.request(request)
puts response.read_body
exit response.code == '200'
