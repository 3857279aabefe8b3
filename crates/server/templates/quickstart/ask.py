import os

import requests

response = requests.post(
    {{ v.q(v.token_url().as_str()) }},
    data={
        "grant_type": "client_credentials",
        "client_id": os.environ["CLIENT_ID"],
        "client_secret": os.environ["CLIENT_SECRET"],
        "audience": {{ v.q(v.audience.as_str()) }},
    },
    timeout=10,
)
response.raise_for_status()

# Use it again until it ends, in expires_in seconds.
print(response.json()["access_token"])
