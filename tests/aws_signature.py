# SPDX-License-Identifier: Apache-2.0
"""AWS Signature Version 4, computed once more: what fake-aws and the boot tests hold a request against."""

import hashlib
import hmac


def signature(secret, date, scope, method, path, query, headers, body=b"") -> str:
    """`scope` is "date/region/service/aws4_request", `headers` are all that are signed."""
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = "\n".join([method, path, query, lines, ";".join(headers), hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()

    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()
