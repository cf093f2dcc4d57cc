"""The options that only ``sign`` takes; see ``options``."""

from typing import Annotated

import typer

from signotaur_action.options.declare import Flag, Text, Texts, declared

Files = Annotated[
    Texts,
    typer.Argument(
        metavar="FILES",
        help="Files to sign: paths, patterns with * ? ** and, to leave files out, !PATTERN.",
    ),
]
FileList = Annotated[
    Text, declared("file-list", help="File with more paths and patterns, one on each line.")
]
BaseDirectory = Annotated[
    Text,
    declared("base-directory", "-b", help="Folder that relative paths and patterns start from."),
]
Thumbprint = Annotated[
    Text,
    declared(
        "thumbprint",
        "-t",
        config="thumbprint",
        help="Certificate to sign with, by its SHA-1 thumbprint; used before --label and "
        "--subject.",
    ),
]
Label = Annotated[
    Text,
    declared(
        "label",
        config="label",
        help="Certificate to sign with, by the server's label; used before --subject.",
    ),
]
Subject = Annotated[
    Text, declared("subject", config="subject", help="Certificate to sign with, by its subject.")
]
FileDigest = Annotated[
    Text,
    declared(
        "file-digest", "--fd", default="SHA256", help="Digest to sign: SHA256, SHA384 or SHA512."
    ),
]
TimestampServer = Annotated[
    Text,
    declared("timestamp-server", "--tr", help="URL of the RFC 3161 server that timestamps."),
]
TimestampDigest = Annotated[
    Text,
    declared(
        "timestamp-digest",
        "--td",
        default="SHA256",
        help="Digest to timestamp: SHA256, SHA384 or SHA512.",
    ),
]
FallbackTimestampServer = Annotated[
    Texts,
    declared(
        "fallback-timestamp-server",
        repeatable=True,
        help="URL of a server to ask when the ones before give no timestamp.",
    ),
]
AdditionalCertificates = Annotated[
    Text,
    declared(
        "additional-certificates",
        "--ac",
        help="PEM file of the certificates between the signing certificate and its root; added to "
        "each signature.",
    ),
]
Description = Annotated[
    Text, declared("description", help="What Windows calls the program when it asks to run it.")
]
DescriptionUrl = Annotated[
    Text, declared("description-url", "--du", help="Where Windows says there is more about it.")
]
Append = Annotated[
    Flag,
    declared(
        "append",
        is_flag=True,
        help="Add a signature to files that are already signed.",
    ),
]
Replace = Annotated[
    Flag,
    declared(
        "replace",
        is_flag=True,
        help="Replace the signature of files that are already signed.",
    ),
]
TrustExistingSignatures = Annotated[
    Flag,
    declared(
        "trust-existing-signatures",
        is_flag=True,
        help="Let an osslsigncode older than 2.13 read the signatures that files already carry; "
        "crafted ones can run code in it.",
    ),
]
MaxDegreeOfParallelism = Annotated[
    Text,
    declared("max-degree-of-parallelism", default="4", help="Files to work on at a time, 1 to 64."),
]
