"""The workflows for GitHub that come with this package, and what they are filled with.

``templates/github`` is their only source: ``init``, the examples and the starter workflows for
organizations are rendered from it. Nothing here writes; only ``templates`` reads, the templates.
"""
