"""Removes from a PDF everything that a reader could run or unpack: scripts, actions, media and embedded files.

Links within the document and to web pages stay, and so does everything visible. Runs in workers only.
"""

from collections.abc import Iterator

from pikepdf import Array, Dictionary, Name, Object, Pdf, Stream

_HARMLESS = frozenset({"/GoTo", "/URI", "/Named"})
"""Actions that stay: a place in the document, a web page, next page and the like."""

_ACTIONS = ("/A", "/PA", "/OpenAction", "/Next")
_ALWAYS_GONE = ("/AA", "/JS", "/JavaScript", "/EmbeddedFiles", "/EF", "/AF", "/XFA", "/Collection", "/RichMediaContent")
"""Actions upon events, scripts, files, and forms that hold scripts, wherever they are."""

_RUN = frozenset({"/Screen", "/Movie", "/Sound", "/RichMedia", "/3D", "/FileAttachment"})
"""Kinds of annotations that are nothing but media or files."""

_DEEPEST = 50


def remove_active_content(pdf: Pdf) -> bool:
    """Remove active content; return whether there was any."""
    has_changed = False
    for stored in pdf.objects:
        for holder in _dictionaries(stored, _DEEPEST):
            has_changed |= _clean(holder)
    for holder in _dictionaries(pdf.trailer, 1):
        has_changed |= _clean(holder)
    return has_changed


def _dictionaries(stored: Object, depth: int) -> Iterator[Object]:
    """The dictionaries in an object, without those of other objects that it refers to."""
    if depth and isinstance(stored, Dictionary | Stream):
        yield stored
        entries = stored.stream_dict if isinstance(stored, Stream) else stored
        for value in entries.as_dict().values():
            if isinstance(value, Object) and not value.is_indirect:
                yield from _dictionaries(value, depth - 1)
    elif depth and isinstance(stored, Array):
        for value in stored:
            if isinstance(value, Object) and not value.is_indirect:
                yield from _dictionaries(value, depth - 1)


def _clean(holder: Object) -> bool:
    gone = [key for key in _ALWAYS_GONE if key in holder]
    gone += [key for key in _ACTIONS if key in holder and _is_active(holder[key], key)]
    for key in gone:
        del holder[key]
    annotations = holder.get("/Annots")
    if not isinstance(annotations, Array):
        return bool(gone)
    kept = [each for each in annotations if not _runs(each)]
    if len(kept) < len(annotations):
        holder["/Annots"] = Array(kept)
    return bool(gone) or len(kept) < len(annotations)


def _is_active(action: Object, key: str) -> bool:
    """Whether an entry is an action that must go; a chain of actions always must."""
    if key == "/Next":
        return isinstance(action, Array) or (isinstance(action, Dictionary) and "/S" in action)
    if not isinstance(action, Dictionary) or "/S" not in action:
        return False
    return str(action["/S"]) not in _HARMLESS


def _runs(annotation: Object) -> bool:
    return isinstance(annotation, Dictionary) and annotation.get("/Subtype") in tuple(map(Name, _RUN))
