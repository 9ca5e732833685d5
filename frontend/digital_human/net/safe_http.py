"""HTTP requests to hosts that a caller names: only to allowed hosts, and only at the address that was checked."""

from __future__ import annotations

import fnmatch
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx

from digital_human.errors import BadInputError, ForbiddenError
from digital_human.net.bounded import call_in_thread

HTTP = ("http", "https")
_MAX_REDIRECTS = 5

Address = IPv4Address | IPv6Address


def check_url(url: str, field: str, hosts: Sequence[str], setting: str, schemes: Sequence[str] = HTTP) -> httpx.URL:
    """Parse a URL and check its host against `hosts` by name, without a DNS lookup.

    Raises BadInputError where it is no usable URL, and ForbiddenError where the host is not allowed.
    """
    try:
        parsed = httpx.URL(url)
        # Decodes the host's Punycode, which may be malformed.
        host = parsed.host
    except (httpx.InvalidURL, ValueError) as error:
        raise BadInputError("not_a_url", field=field) from error
    if parsed.scheme not in schemes or not host or parsed.userinfo:
        if schemes == HTTP:
            raise BadInputError("url_not_http", field=field)
        raise BadInputError("url_scheme", field=field, schemes=", ".join(schemes))
    if not _matches(host, hosts):
        raise ForbiddenError("host_not_allowed", field=field, setting=setting)
    return parsed


async def resolve_host(url: httpx.URL, field: str, hosts: Sequence[str]) -> Address:
    """The address to connect to.

    Raises BadInputError for an unknown name, and ForbiddenError where any of its addresses is private and not itself
    allowed.
    """
    try:
        found = await call_in_thread(lambda: socket.getaddrinfo(url.host, url.port or None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        raise BadInputError("host_unknown", field=field) from error
    addresses = [ip_address(str(entry[4][0]).split("%")[0]) for entry in found]
    for address in addresses:
        if not address.is_global and not _within(address, hosts):
            raise ForbiddenError("host_private", field=field)
    return addresses[0]


@asynccontextmanager
async def stream(
    method: str,
    url: str,
    field: str,
    hosts: Sequence[str],
    setting: str,
    timeout: float,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    redirects: bool = True,
) -> AsyncIterator[httpx.Response]:
    """Send a request and yield the response before its body is read. Every redirect is checked like the first URL.

    setting: name of the setting behind `hosts`, for the error message
    timeout: seconds to connect, and between two reads; `net.bounded` limits the whole request
    Raises BadInputError, ForbiddenError, and httpx.HTTPError where the request fails.
    """
    async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
        for _ in range(_MAX_REDIRECTS + 1):
            checked = check_url(url, field, hosts, setting)
            address = await resolve_host(checked, field, hosts)
            # Connect to the checked address, for the name may resolve to another one by now (DNS rebinding).
            request = client.build_request(
                method,
                checked.copy_with(host=str(address)),
                headers={**(headers or {}), "Host": checked.netloc.decode("ascii")},
                content=content,
                extensions={"sni_hostname": checked.host},
            )
            try:
                response = await client.send(request, stream=True)
            except UnicodeError as error:
                # httpx looks where a redirect leads even if it is not to follow it.
                raise httpx.RemoteProtocolError("redirects to a malformed name") from error
            try:
                if not (redirects and response.has_redirect_location):
                    yield response
                    return
                url = str(checked.join(response.headers["Location"]))
            finally:
                await response.aclose()
        raise BadInputError("too_many_redirects", field=field)


def _matches(host: str, hosts: Sequence[str]) -> bool:
    try:
        return _within(ip_address(host), hosts)
    except ValueError:
        return any(fnmatch.fnmatchcase(host.lower(), pattern.lower()) for pattern in hosts)


def _within(address: Address, hosts: Sequence[str]) -> bool:
    for entry in hosts:
        try:
            network = ip_network(entry, strict=False)
        except ValueError:
            continue
        if address in network:
            return True
    return False
