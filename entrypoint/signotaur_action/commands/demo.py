"""``demo``: the main job end to end against a key server of this machine."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from signotaur_action.demo.stage import Stage
from signotaur_action.demo.story import Story
from signotaur_action.errors import ExitCode, UsageFaults
from signotaur_action.settings.invocation import Invocation


def run(invocation: Invocation) -> ExitCode:
    """Tell the story on stdout; leave nothing running and no file behind."""
    if find_spec("signotaur_keyserver") is None or find_spec("fastapi") is None:
        raise UsageFaults(
            ["the demo needs the key server, which is not installed"],
            next_step="Install signotaur-action[server] and run the demo again.",
        )
    image = str(invocation.given.get("image") or "")
    if image and shutil.which("docker") is None:
        raise UsageFaults(
            ["--image needs Docker, which is not installed"],
            next_step="Install Docker, or run the demo without --image.",
        )
    console = invocation.console(debug=False)
    with TemporaryDirectory(prefix="signotaur-demo-") as folder:
        stage = Stage(Path(folder), image)
        try:
            Story(stage, lambda line: console.emit(line + "\n"), invocation.clock).tell()
        finally:
            stage.close()
    return ExitCode.DONE
