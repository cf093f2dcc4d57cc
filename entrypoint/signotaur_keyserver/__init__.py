"""The self-hosted key server: it keeps API keys by their digests and rotates them without loss.

Imports run one way: cli, server, api, service, store, and at the bottom the pure modules
(records, rules, refusals, events). Nothing here ever stores or logs a key.
"""
