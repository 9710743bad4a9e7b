"""What a test of the API must not do: change or revoke the key with which
everything is tested, and send anything to anybody."""

import os
from urllib.parse import urlsplit

import schemathesis


@schemathesis.hook
def filter_case(context, case):
    if "/api-keys/" not in case.operation.path or case.method == "GET":
        return True
    return case.path_parameters.get("id") != os.environ["OWN_KEY_ID"]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Webhooks go to the test's own receiver, whatever URL was made up: each
    text that might be a URL becomes the receiver's, and so does each second one
    that is none. The rest is left, to be refused."""
    if "/webhooks" not in case.operation.path or not isinstance(case.body, dict):
        return
    url = case.body.get("url")
    if not isinstance(url, str):
        return
    if ":" in url or "/" in url or len(url) % 2 == 0:
        case.body["url"] = os.environ["RECEIVER"] + "/hook"
    try:
        host = urlsplit(case.body["url"]).netloc
    except ValueError:
        host = ""
    assert not host or case.body["url"].startswith(os.environ["RECEIVER"]), case.body["url"]
