import os

import jwt

{% if !v.has_secret %}keys = jwt.PyJWKClient({{ v.q(v.keys_url().as_str()) }})

{% endif %}
def check(token, permission):
    """Raises if the token is not Keyward's, not for this API, or over."""
    claims = jwt.decode(
        token,
        {% if v.has_secret %}os.environ["SIGNING_SECRET"]{% else %}keys.get_signing_key_from_jwt(token).key{% endif %},
        algorithms=["{{ v.algorithm }}"],
        issuer={{ v.q(v.issuer.as_str()) }},
        audience={{ v.q(v.audience.as_str()) }},
        options={"require": ["exp", "iss", "aud"]},
    )
    if permission not in claims.get("scope", "").split():
        raise PermissionError(f"403: it lacks {permission}")
    return claims


print(check(os.environ["TOKEN"], {{ v.q(v.permission.as_str()) }}))
