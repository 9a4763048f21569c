"""Bill of materials of the image, CycloneDX 1.6: `python -m dev.supply_chain.sbom FILE`."""

import json
import sys
from pathlib import Path
from typing import Any

from dev.supply_chain.licences import licence_of
from dev.supply_chain.pins import SERVICE, Pin, pins
from switchgear.version import VERSION


def bill_of_materials() -> dict[str, Any]:
    """The document; the same pins make the same one."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "switchgear",
                "name": "switchgear",
                "version": VERSION,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": [_component(pin) for pin in pins(SERVICE)],
    }


def _component(pin: Pin) -> dict[str, Any]:
    url = f"pkg:pypi/{pin.name}@{pin.version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": url,
        "name": pin.name,
        "version": pin.version,
        "purl": url,
        # of each file that may be installed: one a platform
        "hashes": [{"alg": "SHA-256", "content": content} for content in pin.hashes],
    }
    licence = licence_of(pin.name)
    if licence is not None:
        component["licenses"] = [{"license": {"name": licence}}]
    return component


def main() -> None:
    """Write it."""
    file = Path(sys.argv[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    document = bill_of_materials()
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"{file}: {len(document['components'])} packages")


if __name__ == "__main__":
    main()
