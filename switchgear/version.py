"""Version of the service, as its wheel and `switchgear --version` say it."""

from typing import Final

VERSION: Final = "0.2.0.dev0"
