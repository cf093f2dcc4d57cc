"""Stand-ins for programs that examples call, as strict as their documentation.

``programs.py FOLDER az|vault|aws ARGUMENT...``; the folder holds key vaults as folders of secrets.
"""

import argparse
import json
import os
import re
import sys
import urllib.request
from pathlib import Path


def az(folder: Path, arguments: list[str]) -> str:
    """Do ``az keyvault secret set``: https://learn.microsoft.com/cli/azure/keyvault/secret.

    Like the real one it prints the secret's value, unless asked for no output.
    """
    parser = argparse.ArgumentParser(prog="az", allow_abbrev=False)
    parser.add_argument("command", nargs=3)
    parser.add_argument("--vault-name", required=True)
    parser.add_argument("--name", "-n", required=True)
    parser.add_argument("--file", "-f", required=True)  # --value would be in process lists
    parser.add_argument("--encoding", "-e", default="utf-8", choices=["utf-8", "ascii"])
    parser.add_argument("--output", "-o", default="json", choices=["json", "none", "tsv"])
    asked = parser.parse_args(arguments)
    if asked.command != ["keyvault", "secret", "set"] or not re.fullmatch(
        "[0-9a-zA-Z-]{1,127}", asked.name
    ):
        parser.error("not what is documented")
    vault = folder / asked.vault_name
    if (folder / "forbidden").exists():
        sys.exit("ERROR: (Forbidden) Caller is not authorized to perform action on resource.")
    # Opened by its name, as the real one does: /dev/stdin has to be a file to it.
    value = Path(asked.file).read_text(encoding="utf-8")
    (vault / asked.name).write_text(value)
    bundle = {"id": f"https://{asked.vault_name}.vault.azure.net/secrets/{asked.name}/1"}
    return "" if asked.output == "none" else json.dumps(bundle | {"value": value})


def vault(_: Path, arguments: list[str]) -> str:
    """Do ``vault kv get``: https://developer.hashicorp.com/vault/docs/commands/kv/get."""
    parser = argparse.ArgumentParser(prog="vault", allow_abbrev=False)
    parser.add_argument("command", nargs=2)
    parser.add_argument("-mount", required=True)
    parser.add_argument("-field", required=True)
    parser.add_argument("path")
    asked = parser.parse_args(arguments)
    if asked.command != ["kv", "get"]:
        parser.error("not what is documented")
    url = f"{os.environ['VAULT_ADDR']}/v1/{asked.mount}/data/{asked.path}"
    token = {"X-Vault-Token": os.environ["VAULT_TOKEN"]}
    request = urllib.request.Request(url, headers=token)  # noqa: S310 - the stand-in's address
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        value: str = json.load(answer)["data"]["data"][asked.field]
    return value


def aws(_: Path, arguments: list[str]) -> str:
    """Do ``aws secretsmanager get-secret-value`` with Amazon's own library."""
    parser = argparse.ArgumentParser(prog="aws", allow_abbrev=False)
    parser.add_argument("command", nargs=2)
    parser.add_argument("--secret-id", required=True)
    parser.add_argument("--query", required=True)
    parser.add_argument("--output", required=True)
    asked = parser.parse_args(arguments)
    if (*asked.command, asked.query, asked.output) != (
        "secretsmanager", "get-secret-value", "SecretString", "text",
    ):  # fmt: skip
        parser.error("not what is documented")
    import boto3  # noqa: PLC0415 - the other programs start without it

    manager = boto3.client("secretsmanager", region_name=os.environ["AWS_REGION"])
    value: str = manager.get_secret_value(SecretId=asked.secret_id)["SecretString"]
    return value


if __name__ == "__main__":
    place, program, *rest = sys.argv[1:]
    sys.stdout.write({"az": az, "vault": vault, "aws": aws}[program](Path(place), rest))
