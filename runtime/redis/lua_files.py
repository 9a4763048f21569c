"""Lua scripts: read from the folder `lua` of the package that runs them."""

from importlib.resources import files


def lua(package: str, *names: str) -> str:
    """The text of `<package>/lua/<name>.lua`; several names make one script, in that order."""
    folder = files(package).joinpath("lua")
    return "\n".join(folder.joinpath(f"{name}.lua").read_text("utf-8") for name in names)
