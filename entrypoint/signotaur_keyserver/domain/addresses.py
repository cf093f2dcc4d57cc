"""Which addresses belong to the public network. Pure."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_TRANSLATED = ip_network("64:ff9b::/96")
"""NAT64 (RFC 6052): the last 32 bits are an IPv4 address."""
_GLOBAL_UNICAST = ip_network("2000::/3")
"""All that is given to the public network. ``is_global`` also takes old forms: site-local
addresses, IPv4 addresses within ``::/96``, and those that a network translates itself (RFC 8215).
"""


def is_public(text: str) -> bool:
    """Return whether an address is neither private, local nor reserved.

    An IPv4 address within an IPv6 one counts as what it is.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return _is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    return _is_public(address)


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not address.is_multicast
