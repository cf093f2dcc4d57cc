"""Write what the action's image holds as CycloneDX JSON: ``python sbom.py IMAGE FILE``.

Python packages come from the lock file, with the hashes they were installed by, as far as the
image holds them; Debian packages from the records that rootfs.py leaves in the image.
"""

import json
import subprocess
import sys
import tarfile
from email.parser import HeaderParser
from email.utils import parseaddr
from pathlib import Path, PurePosixPath
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

LOCK_FILE = Path(__file__).parents[1] / "requirements/runtime.txt"
RECORDS = PurePosixPath("var/lib/dpkg/status.d")
Component = dict[str, Any]


def main(image: str, target: Path) -> None:
    """Write the file. Ends the process where the result is not valid CycloneDX."""
    installed, records = _contents(image)
    sbom = json.loads(_output("cyclonedx-py", "requirements", LOCK_FILE, "--output-reproducible"))
    locked = {_normal(component["name"]): component for component in sbom["components"]}
    strange = installed - locked.keys()
    if strange:
        sys.exit(f"in the image, but not in {LOCK_FILE.name}: {', '.join(sorted(strange))}")
    python = [_tidied(locked[name]) for name in sorted(installed)]
    sbom["components"] = [*python, *map(_debian_component, sorted(records))]
    sbom["dependencies"] = [{"ref": component["bom-ref"]} for component in sbom["components"]]
    sbom["metadata"]["component"] = _image_component(image)
    text = json.dumps(sbom, indent=2, sort_keys=True) + "\n"
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault is not None:
        sys.exit(f"not valid CycloneDX: {fault}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")
    print(f"{target}: {len(python)} Python and {len(records)} Debian packages")  # noqa: T201


def _contents(image: str) -> tuple[set[str], list[str]]:
    """Return the names of the image's Python packages and the records of its Debian packages."""
    installed, records = set(), []
    container = _output("docker", "create", image).strip()
    try:
        with (
            subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export,
            tarfile.open(fileobj=export.stdout, mode="r|") as files,
        ):
            for member in files:
                path = PurePosixPath(member.name)
                if path.suffix == ".dist-info":
                    installed.add(_normal(path.stem.partition("-")[0]))
                file = files.extractfile(member) if path.parent == RECORDS else None
                if file is not None:
                    records.append(file.read().decode())
    finally:
        _output("docker", "rm", container)
    return installed, records


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _tidied(component: Component) -> Component:
    del component["description"]  # a line of the lock file
    component["bom-ref"] = component["purl"]
    return component


def _debian_component(record: str) -> Component:
    fields = HeaderParser().parsestr(record)
    purl = PackageURL(
        "deb",
        "debian",
        fields["Package"],
        fields["Version"],
        {"arch": fields["Architecture"], "distro": "trixie"},
    ).to_string()
    return {
        "bom-ref": purl,
        "type": "library",
        "name": fields["Package"],
        "version": fields["Version"],
        "purl": purl,
        "supplier": {"name": parseaddr(fields["Maintainer"])[0] or "Debian"},
    }


def _image_component(image: str) -> Component:
    labels = json.loads(
        _output("docker", "image", "inspect", "-f", "{{json .Config.Labels}}", image)
    )
    label = "org.opencontainers.image."
    return {
        "bom-ref": "image",
        "type": "container",
        "name": labels[f"{label}title"],
        "version": labels[f"{label}version"],
        "description": labels[f"{label}description"],
        "licenses": [{"license": {"id": labels[f"{label}licenses"]}}],
        "properties": [
            {"name": "docker:base", "value": labels[f"{label}base.name"]},
            {"name": "git:revision", "value": labels[f"{label}revision"]},
        ],
    }


def _output(program: str, *arguments: str | Path) -> str:
    beside = Path(sys.executable).with_name(program)
    command = [str(beside) if beside.exists() else program, *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
