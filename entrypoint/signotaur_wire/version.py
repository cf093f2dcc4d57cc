"""The only place that names the version of the distribution."""

VERSION = "0.1.0"
