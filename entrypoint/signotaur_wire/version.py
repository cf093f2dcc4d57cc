"""The one place where the version of the distribution stands."""

VERSION = "0.1.0"
