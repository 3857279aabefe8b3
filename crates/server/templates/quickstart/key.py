import os

import requests


def check(key, permission):
    response = requests.post(
        {{ v.q(v.verify_url().as_str()) }},
        headers={"Authorization": f"Bearer {os.environ['ROOT_KEY']}"},
        json={"key": key, "permissions": permission},
        timeout=10,
    )
    response.raise_for_status()
    found = response.json()["data"]
    if not found["valid"]:
        raise PermissionError(f"refused: {found['code']}")
    return found


print(check(os.environ["API_KEY"], {{ v.q(v.permission.as_str()) }}))
