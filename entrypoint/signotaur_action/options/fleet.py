"""The options that only ``rotate-fleet`` takes."""

from signotaur_action.options.declare import declare

_FLEET = "Fleet"

FLEET_FILE = declare(
    "fleet-file",
    group=_FLEET,
    metavar="FILE",
    help="YAML file that lists the keys to rotate; the same as the argument FILE.",
)
ONLY = declare(
    "only",
    group=_FLEET,
    metavar="NAME",
    repeatable=True,
    help="Rotate only the key that has this name in the file.",
)
PARALLEL = declare(
    "parallel",
    group=_FLEET,
    metavar="COUNT",
    default="4",
    help="Rotations at a time, 1 to 32.",
)
STARTS_PER_MINUTE = declare(
    "starts-per-minute",
    group=_FLEET,
    metavar="COUNT",
    default="300",
    help="Rotations that may start in one minute, 1 to 6000.",
)
