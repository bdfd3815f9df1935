"""Reads a report the way a strict browser would."""

import json
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "link", "img", "input", "col"}


class PageReader(HTMLParser):
    """Text of each section, data of each figure, and everything that would be loaded from elsewhere."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.stack, self.ids, self.loads, self.links = [], [], [], []
        self.sections, self.rows, self.data, self.styles = {}, [], {}, []
        self.feed(source)
        self.close()
        assert self.stack == []
        self.text = " ".join(self.sections.values())
        self.figures = {
            name.removeprefix("figure-").removesuffix("-data"): json.loads(text)
            for name, text in self.data.items()
        }

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        self.loads += [attributes[name] for name in ("src", "srcset", "data", "action") if name in attributes]
        if tag == "link":
            self.loads.append(attributes.get("href"))
        if tag == "a":
            self.links.append(attributes["href"])
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if "style" in attributes:
            self.styles.append(attributes["style"])
        if tag not in VOID:
            self.stack.append((tag, attributes))

    def handle_endtag(self, tag):
        assert self.stack, f"</{tag}> closes nothing"
        opened, _ = self.stack.pop()
        assert opened == tag, f"<{opened}> closed by </{tag}>"

    def handle_data(self, data):
        if not self.stack:
            return
        tag, attributes = self.stack[-1]
        if tag == "style":
            self.styles.append(data)
        elif tag == "script":
            if attributes.get("type") == "application/json":
                self.data[attributes["id"]] = self.data.get(attributes["id"], "") + data
        else:
            inside = [a["id"] for t, a in self.stack if t == "section"]
            where = inside[0] if inside else "top"
            self.sections[where] = self.sections.get(where, "") + " " + data
            if any(t in ("td", "th") for t, _ in self.stack):
                self.rows[-1][-1] += data

    def row(self, first):
        """Cells of the table row that begins with a text."""
        return next(row for row in self.rows if row and row[0] == first)
