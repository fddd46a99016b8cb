"""Mask credentials in text that is going to be published."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "[secret removed]"

# One alternative a kind of credential; shapes by their providers' documentation.
_TOKENS: Final = re.compile(
    r"""(?x)
      xox[a-z]-[A-Za-z0-9-]{8,} | xapp-[A-Za-z0-9-]{8,}             # Slack
    | (?:gh[pousr]|github_pat)_[A-Za-z0-9_]{20,}                    # GitHub
    | glpat-[A-Za-z0-9_-]{16,}                                      # GitLab
    | (?:AKIA|ASIA)[A-Z0-9]{16}                                     # AWS access key
    | eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}    # JSON web token
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    | hooks\.slack\.com/services/[A-Za-z0-9/]+
    """,
    re.DOTALL,
)
_IN_URL: Final = re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)")
_NAMED: Final = re.compile(
    r"""(?ix)
    (?P<keep>\b(?:password|passwd|pgpassword|pwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token|token|
              client[_-]?secret|x-api-key)["']?\s*[=:]\s*["']?|
              \bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+)
    (?P<value>[^\s"'&;,)]{3,})
    """
)


def mask_secrets(text: str) -> str:
    """Replace provider tokens, passwords in URLs and `password=...` values by a mark."""
    text = _TOKENS.sub(MASK, text)
    text = _IN_URL.sub(rf"\g<keep>{MASK}", text)
    return _NAMED.sub(rf"\g<keep>{MASK}", text)
