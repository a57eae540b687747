"""The two ways of a message: our own webhook, and apprise with all the services that it knows."""

from __future__ import annotations

import json
import logging
import re
from importlib.util import find_spec
from typing import Any

from aqsync.config.notify import Address, On
from aqsync.errors import NotSent
from aqsync.service import outgoing

INSTALL = "pip install 'aqsync[notify]'"
_LOGGERS = ("apprise", "requests", "urllib3")
"""They tell addresses, with the secrets in them."""
_CALLS = re.compile(r"(?<!\w)@(?=\w)|@(?=everyone|here)|<(?=[!@#])")
"""How a text calls people in chats: what servers say and names of files stand in messages too."""
_KINDS = {On.RECOVERED: "success", On.DAILY: "info", "test": "info"}


def has_apprise() -> bool:
    """Whether it is installed."""
    return find_spec("apprise") is not None


def send(address: Address, body: str) -> None:
    """Send a message.

    Args:
        address: Where to.
        body: The message, as `Message.to_json` writes it.

    Raises:
        NotSent: It was not taken.
    """
    try:
        if address.is_webhook:
            outgoing.post(address, body.encode(), "application/json")
        else:
            _by_apprise(address, json.loads(body))
    except NotSent:
        raise
    except Exception as exc:  # noqa: BLE001 - a hundred services; what they say may hold the address
        raise NotSent(f"{address.label} failed ({type(exc).__name__})") from None


def _by_apprise(address: Address, content: dict[str, Any]) -> None:
    if not has_apprise():
        raise NotSent(
            f"{address.label} needs apprise, which is not installed", hint=f"install it: {INSTALL}"
        )
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    import apprise  # noqa: PLC0415 - an extra, and large

    sender = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False))
    if not sender.add(address.url.get_secret_value()):
        raise NotSent(
            f"{address.label} is an address that apprise does not understand",
            hint="see https://appriseit.com for how it is written",
        )
    kind = apprise.NotifyType(_KINDS.get(content["event"], "warning"))
    # Without the format it would reach mails and services that show HTML as it is.
    said = {"title": content["title"], "body": _CALLS.sub("\\g<0>\u200b", content["text"])}
    if not sender.notify(**said, notify_type=kind, body_format=apprise.NotifyFormat.TEXT):
        raise NotSent(
            f"{address.label} did not take the message",
            hint="see whether this machine reaches it, and whether the address is right",
        )
