"""The examples that keep the key in a file of the machine, and a way to run them."""

from pathlib import Path

from docs.other_ci import Ran, crontab, read, run, unit_command, unit_settings
from docs.sites import NAME, Site
from support.keyserver import KeyServer


class FileSite(Site):
    """A machine whose key is in a file, where the example says /var/lib/signing."""

    refusal = 11

    def __init__(self, folder: Path, server: KeyServer) -> None:
        super().__init__(folder, server)
        self.keys = folder / "signing"
        self.keys.mkdir()
        self.key_file = self.keys / "api_key.txt"

    def example(self, name: str) -> str:
        """Return an example with this machine's paths."""
        text = read(f"cron/{name}", self.server.url)
        return text.replace("/var/lib/signing", str(self.keys)).replace(
            "/opt/signotaur/bin", str(self.tools)
        )

    def put(self, key: str) -> None:
        """See ``Site``."""
        self.key_file.touch(mode=0o600)
        self.key_file.write_text(f"{key}\n")

    def held(self) -> str:
        """See ``Site``."""
        assert self.key_file.stat().st_mode & 0o777 == 0o600
        return self.key_file.read_text().strip().removeprefix(f"{NAME}=").split()[0]

    def refuse(self) -> None:
        """Make a dotenv file of it, which is not to be replaced."""
        self.key_file.write_text(f"{NAME}={self.held()}\nOTHER=stays\n")

    def repair(self) -> None:
        """See ``Site``."""
        self.put(self.held())


class SystemdSite(FileSite):
    """The service that the timer starts."""

    def rotate(self) -> Ran:
        """See ``Site``."""
        return self.run()

    def run(self, *prefix: str) -> Ran:
        """Run the service's command, with a program in front of it."""
        settings = unit_settings(self.example("signotaur-rotate.service"))
        given = dict([settings["Environment"].split("=", 1)])
        return run([*prefix, *unit_command(settings)], self.env | given, self.folder)


class CrontabSite(FileSite):
    """The crontab's one line."""

    def rotate(self) -> Ran:
        """See ``Site``."""
        variables, [(_, command)] = crontab(self.example("crontab"))
        return run(["/bin/sh", "-c", command], self.env | variables, self.folder)
