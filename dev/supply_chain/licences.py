"""Licence of an installed package, by its metadata: does it ask for more than its text?"""

import re
from importlib.metadata import PackageNotFoundError, metadata
from typing import Final

_COPYLEFT: Final = re.compile(
    r"GPL|MPL|EPL|CDDL|EUPL|OSL|SSPL|BUSL|Mozilla|General Public", re.IGNORECASE
)
_NAMED: Final = 60
"""Characters of a field that is a name; longer ones are the licence's text."""


def licence_of(package: str) -> str | None:
    """Its expression or its name; None where it isn't installed here or doesn't say."""
    try:
        fields = metadata(package)
    except PackageNotFoundError:
        return None
    for field in ("License-Expression", "License"):
        values = fields.get_all(field, [])
        if values and len(values[0]) < _NAMED:
            return str(values[0])
    classifiers = fields.get_all("Classifier", [])
    names = [name.rpartition("::")[2].strip() for name in classifiers if name.startswith("License")]
    return " OR ".join(names) or None


def is_copyleft(licence: str) -> bool:
    """Whether it must be named with its terms."""
    return _COPYLEFT.search(licence) is not None
