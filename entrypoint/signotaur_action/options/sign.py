"""The options of ``sign``; ``verify``, ``timestamp`` and ``guard`` take some of them."""

from signotaur_action.options.declare import LIMITS, declare

_CERTIFICATE = "Certificate"
_FILES = "Files"
_SIGNATURE = "Signature"

THUMBPRINT = declare(
    "thumbprint",
    "-t",
    group=_CERTIFICATE,
    metavar="SHA1",
    config="thumbprint",
    help="The certificate that has this SHA-1 thumbprint; overrides label and subject.",
)
LABEL = declare(
    "label",
    group=_CERTIFICATE,
    metavar="TEXT",
    config="label",
    help="The certificate that has this label on the server; overrides the subject.",
)
SUBJECT = declare(
    "subject",
    "--sb",
    group=_CERTIFICATE,
    metavar="TEXT",
    config="subject",
    help="The certificate that has this subject.",
)
ADDITIONAL_CERTIFICATES = declare(
    "additional-certificates",
    "--ac",
    group=_CERTIFICATE,
    metavar="FILE",
    help="Files, separated by commas, with the intermediate certificates (PEM or DER) to put into "
    "each signature.",
)
FILE_LIST = declare(
    "file-list",
    group=_FILES,
    metavar="FILE",
    help="File with more paths and patterns, one on each line.",
)
ENCODING = declare(
    "encoding",
    group=_FILES,
    metavar="NAME",
    default="UTF8",
    config="encoding",
    help="Encoding of the file list: UTF8, UTF16, OEMCodePage, or CodePage and a number.",
)
BASE_DIRECTORY = declare(
    "base-directory",
    "-b",
    group=_FILES,
    metavar="FOLDER",
    help="Folder that relative paths and patterns start from.",
)
APPEND = declare(
    "append",
    group=_FILES,
    help="Add a signature to files that are already signed.",
)
REPLACE = declare(
    "replace",
    group=_FILES,
    help="Replace the signature of files that are already signed.",
)
TRUST_EXISTING_SIGNATURES = declare(
    "trust-existing-signatures",
    group=_FILES,
    help="Let an osslsigncode older than 2.13 read the signatures of files that are already "
    "signed; crafted ones can run code in it.",
)
MAX_DEGREE_OF_PARALLELISM = declare(
    "max-degree-of-parallelism",
    group=_FILES,
    metavar="NUMBER",
    default="4",
    help="Files to work on at the same time, 1 to 64.",
)
FILE_DIGEST = declare(
    "file-digest",
    "--fd",
    group=_SIGNATURE,
    metavar="ALGORITHM",
    default="SHA256",
    help="Digest to sign: SHA256, SHA384 or SHA512.",
)
TIMESTAMP_SERVER = declare(
    "timestamp-server",
    "--tr",
    group=_SIGNATURE,
    metavar="URL",
    help="URL of the RFC 3161 timestamp server.",
)
TIMESTAMP_DIGEST = declare(
    "timestamp-digest",
    "--td",
    group=_SIGNATURE,
    metavar="ALGORITHM",
    default="SHA256",
    help="Digest to timestamp: SHA256, SHA384 or SHA512.",
)
FALLBACK_TIMESTAMP_SERVER = declare(
    "fallback-timestamp-server",
    group=_SIGNATURE,
    metavar="URL",
    repeatable=True,
    help="URL of a timestamp server to ask when those before it fail.",
)
DESCRIPTION = declare(
    "description",
    group=_SIGNATURE,
    metavar="TEXT",
    help="Name of the program that Windows shows when it asks whether to run it.",
)
DESCRIPTION_URL = declare(
    "description-url",
    "--du",
    group=_SIGNATURE,
    metavar="URL",
    help="Page about the program that Windows links to.",
)
RETRIES_ON_FAILURE = declare(
    "retries-on-failure",
    "--rf",
    group=LIMITS,
    metavar="NUMBER",
    default="6",
    help="How often a call to the server is repeated, within --timeout, after a temporary failure; "
    "0 to 100.",
)
