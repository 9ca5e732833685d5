"""Where a WebRTC peer may say that it is. The service sends a few packets to every place that an offer names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

MOST = 32
"""Candidates of an offer that are looked at; browsers name fewer."""
_NAT64 = ip_network("64:ff9b::/96")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def restricted(offer: str, peer: str | None, networks: Sequence[Network]) -> str:
    """The offer without candidates at places that the peer has no business at.

    peer:     the address that the offer came from
    networks: in which peers may lie, beside that address and public ones
    Raises what aiortc raises for an offer that makes no sense.
    """
    from aiortc.sdp import SessionDescription

    # Parsed by the library that acts on it, for two readers of one text may disagree.
    description = SessionDescription.parse(offer)
    own = None if peer is None else _address(peer)
    for media in description.media:
        kept = list(_kept(media.ice_candidates[:MOST], own, networks))
        first = next((one for one in media.ice_candidates if one.protocol.lower() == "udp"), None)
        if own is not None and first is not None and all(_address(one.ip) != own for one in kept):
            # A relay lets nothing in from places that it was never asked to send to, and a peer that knows only its
            # address behind a router calls from the place that the offer came from.
            kept.append(replace(first, ip=str(own)))
        if len(kept) < len(media.ice_candidates):
            # A peer that is nowhere it may say is still heard when it calls by itself.
            media.ice_candidates_complete = False
        media.ice_candidates = kept
    return str(description)


def _kept(candidates: Iterable[Any], own: Address | None, networks: Sequence[Network]) -> Iterable[Any]:
    for candidate in candidates:
        if candidate.ip.endswith(".local") and own is not None:
            # A browser that hides its address. Asking the network for the name would trust whoever answers.
            candidate.ip = str(own)
        address = _address(candidate.ip)
        if address is not None and may_be_at(address, own, networks):
            yield candidate


def may_be_at(address: Address, own: Address | None, networks: Sequence[Network]) -> bool:
    """Whether the service sends to an address: a public one, the peer's own, or one in a network that is allowed."""
    address = _plain(address)
    if address == own or any(address in network for network in networks):
        return True
    return address.is_global and not address.is_multicast


def _address(text: str) -> Address | None:
    try:
        return _plain(ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def _plain(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that leads to it."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address
