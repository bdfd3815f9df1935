"""Asking the databases that speak OPTIMADE.

OPTIMADE: Andersen et al., Sci. Data 8, 217 (2021). Its Python client is not used: it repeats a request to a busy
server without end, prints to the terminal, and brings half a dozen packages for what two addresses say.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlparse

from forgefield.atoms.errors import ForgefieldError
from forgefield.structures.compound_spec import WebSpec
from forgefield.structures.optimade_entry import FIELDS
from forgefield.structures.web_json import WebError, fetched_json

PROVIDERS = {
    "aflow": "https://aflow.org/API/optimade",
    "alexandria": "https://alexandria.icams.rub.de/pbe",
    "alexandria-pbesol": "https://alexandria.icams.rub.de/pbesol",
    "cod": "https://www.crystallography.net/cod/optimade",
    "gnome": "https://optimade-gnome.odbx.science",
    "jarvis": "https://jarvis.nist.gov/optimade/jarvisdft",
    "materials-cloud": "https://aiida.materialscloud.org/mc3d/optimade",
    "materials-project": "https://optimade.materialsproject.org",
    "nomad": "https://nomad-lab.eu/prod/rae/optimade",
    "odbx": "https://optimade.odbx.science",
    "omdb": "https://optimade.openmaterialsdb.se",
    "oqmd": "https://oqmd.org/optimade",
}


def base_address(provider: str) -> str:
    """The address of a database.

    Args:
        provider: name in :data:`PROVIDERS`, or a base address such as ``https://optimade.example.org``.

    Raises:
        ForgefieldError: it is neither.
    """
    if provider in PROVIDERS:
        return PROVIDERS[provider]
    if urlparse(provider).scheme in ("http", "https") and urlparse(provider).netloc:
        return provider.rstrip("/").removesuffix("/v1")
    near = difflib.get_close_matches(provider.lower(), PROVIDERS, 1, 0.4)
    raise ForgefieldError(
        f"there is no OPTIMADE database {provider!r}",
        f"{f'did you mean {near[0]}? ' if near else ''}known are {', '.join(PROVIDERS)}; any other by its "
        "address, such as https://optimade.example.org",
    )


def database_name(provider: str) -> str:
    """What a database is called in notes: its name in :data:`PROVIDERS`, or the server's."""
    return provider if provider in PROVIDERS else urlparse(provider).netloc


def question(address: str, wanted: str, page_limit: int) -> str:
    """The address at which a database gives the entries that pass a filter."""
    query = {"filter": wanted, "page_limit": page_limit, "response_fields": ",".join(FIELDS)}
    return f"{address}/v1/structures?{urlencode(query)}"


def entries(url: str, cache: Path, web: WebSpec) -> Iterator[Any]:
    """All entries that an address gives, page by page.

    Args:
        url: from :func:`question`.
        cache: folder for the answers.
        web: time-out and attempts.

    Raises:
        WebError: no usable answer.
    """
    seen = {url}
    while True:
        page = fetched_json(url, cache, web)
        data = page.get("data")
        if not isinstance(data, list):
            raise WebError(
                f"{urlparse(url).netloc} sent an answer without a list of data", "report it to its owners"
            )
        yield from data
        following = _next(page)
        if following is None or not data:
            return
        url = urljoin(url, following)
        if url in seen:
            raise WebError(f"{urlparse(url).netloc} repeats its pages", "what came before that was taken")
        seen.add(url)


def _next(page: dict[str, Any]) -> str | None:
    """The address of the next page, which a server gives as text or as an object."""
    links = page.get("links")
    following = links.get("next") if isinstance(links, dict) else None
    if isinstance(following, dict):
        following = following.get("href")
    return following if isinstance(following, str) and following else None
