"""Entry point of ``python -m signotaur_demo``, which ``make demo`` calls."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from signotaur_action.machine.clock import SystemClock
from signotaur_demo.errors import DemoError
from signotaur_demo.stage import Stage
from signotaur_demo.story import Story


def demo(
    image: Annotated[str, typer.Option(help="Run the job's steps in this container image.")] = "",
) -> None:
    """Show the main job end to end against a key server on this machine."""
    try:
        _require_parts(image)
        _tell(image)
    except DemoError as error:
        typer.echo(f"error: {error}", err=True)
        typer.echo("The demo's keys lived on its own server only and are deleted.", err=True)
        typer.echo("Next: run `make install`, then the demo again.", err=True)
        raise typer.Exit(1) from None


def _require_parts(image: str) -> None:
    if find_spec("signotaur_keyserver") is None or find_spec("fastapi") is None:
        raise DemoError("The key server is not installed: install signotaur-action[server].")
    if image and shutil.which("docker") is None:
        raise DemoError("--image needs Docker, which is not installed.")


def _tell(image: str) -> None:
    with TemporaryDirectory(prefix="signotaur-demo-") as folder:
        stage = Stage(Path(folder), image)
        try:
            Story(stage, typer.echo, SystemClock()).tell()
        finally:
            stage.close()


def main() -> None:
    """Run the demo and end the process with its exit code."""
    typer.run(demo)


if __name__ == "__main__":
    main()
