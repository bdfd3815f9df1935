"""HTML in which every text is escaped unless it says that it is HTML already."""

from __future__ import annotations

import html
from collections.abc import Iterable
from importlib import resources
from string import Template

_VOID = frozenset({"br", "hr", "meta", "col"})


class Html(str):
    """Text that is HTML and must not be escaped again."""

    __slots__ = ()


def element(tag: str, *children: str | Iterable[str] | None, **attributes: str | None) -> Html:
    """An element with escaped children and attributes.

    Args:
        tag: such as ``td``.
        children: text (escaped), `Html` (taken as it is), iterables of both, or None for nothing.
        attributes: None leaves one out; a trailing underscore is dropped (``class_``), others become hyphens.
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{joined(*children)}</{tag}>")


def joined(*children: str | Iterable[str] | None) -> Html:
    """Texts and elements one after the other, texts escaped."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(html.escape(child))
        else:
            parts.append(joined(*child))
    return Html("".join(parts))


def paragraph(*children: str, kind: str | None = None) -> Html:
    """A paragraph; ``kind`` is its CSS class, such as ``missing`` for a line that says what is not there."""
    return element("p", *children, class_=kind)


def missing(text: str) -> Html:
    """One line that says what is not there, and why."""
    return paragraph(text, kind="missing")


def folded(summary: str, content: Html) -> Html:
    """Content that is shown when its summary is clicked."""
    return element("details", element("summary", summary), joined(content))


def section(identifier: str, heading: str, *content: Html | None) -> Html:
    """A section with a heading that can be linked to."""
    title = element("h2", heading, id=f"{identifier}-heading")
    return element("section", title, *content, id=identifier, aria_labelledby=f"{identifier}-heading")


def page(title: str, body: Html, plotly: str) -> str:
    """The whole page.

    Args:
        title: of the window.
        body: what is seen.
        plotly: source of plotly.js, or "" without figures.
    """
    template = Template(_resource("page.html"))
    return template.substitute(
        title=html.escape(title),
        style=_resource("page.css"),
        body=body,
        plotly=plotly,
    )


def _resource(name: str) -> str:
    return resources.files("forgefield.report").joinpath(name).read_text(encoding="utf-8")
