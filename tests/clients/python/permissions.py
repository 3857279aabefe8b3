import http.client
import os
import sys

conn = http.client.HTTPSConnection(os.environ["BASE_URL"].removeprefix("https://"))

# As bytes: http.client encodes a string body as Latin-1.
payload = ('{ "scopes": ' + os.environ["PERMISSIONS"] + " }").encode("utf-8")

headers = {
    "content-type": "application/json",
    "authorization": "Bearer " + os.environ["MGMT_API_ACCESS_TOKEN"],
    "cache-control": "no-cache",
}

conn.request("PATCH", "/api/v2/resource-servers/" + os.environ["API_ID"], payload, headers)

res = conn.getresponse()
data = res.read()

print(data.decode("utf-8"))
sys.exit(0 if res.status == 200 else 1)
